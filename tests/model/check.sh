#!/bin/sh
# Check the model of the commit-and-ack protocol and each of its mutants with Spin: `make model`.
#
# The protocol (mutant NONE) must violate nothing in any state. Each other mutant must violate the invariant named below.
set -eu
cd "$(dirname "$0")/../.."
folder=build/model

fail() {
  echo "make model failed: $1" >&2
  exit 1
}

for tool in spin cc; do
  command -v "$tool" > /dev/null || fail "the command $tool is missing. To fix this, install Spin 6.5 and a C \
compiler, for example with 'apt-get install spin gcc' or 'brew install spin'."
done

# Explore the states of a mutant, up to its first violation.
explore() {
  spin -a -DMUTANT="$1" commit.pml > spin.txt && cc -O2 -DNOFAIR -o pan pan.c && ./pan -a -m100000 -w26 > result.txt
}

# Print the violated invariant. Spin's exit status is 0 even if it stopped early, so its output decides.
violated() {
  case $(cat result.txt) in
    *"assertion violated (("*"acked&"*) echo ACKED_ONLY_WHEN_STORED ;;
    *"assertion violated (("*"held|acked"*) echo NOTHING_LOST ;;
    *"assertion violated "*"allowed"*) echo COPIES_EXPLAINED ;;
    *"acceptance cycle"*) echo arrives ;;
    *"max search depth"* | *"not completed"*) echo "unknown: the search was not completed" ;;
    *"errors: 0"*) echo nothing ;;
    *) echo "unknown: Spin's output has another form" ;;
  esac
}

rm -rf "$folder" && mkdir -p "$folder"
cp tests/model/commit.pml "$folder"
cd "$folder"
echo "Exploring all states takes about a minute and 1 GB of memory."
printf '%-18s%-26s%12s%10s\n' mutant violates states seconds
while read -r mutant expected; do
  explore "$mutant" || fail "Spin can't explore mutant $mutant: see the message above and $folder/spin.txt. To fix \
this, correct tests/model/commit.pml, or install Spin 6.5."
  found=$(violated)
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' result.txt)
  seconds=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds/\1/p' result.txt)
  printf '%-18s%-26s%12s%10s\n' "$mutant" "$found" "$states" "$seconds"
  if [ "$found" != "$expected" ]; then
    [ ! -f commit.pml.trail ] || spin -t -DMUTANT="$mutant" commit.pml | grep -E '^ *(run|faults) ' >&2 || true
    fail "mutant $mutant must violate $expected. To fix this, read the steps above and $folder/result.txt, and \
correct the engine and tests/model/commit.pml."
  fi
  rm -f commit.pml.trail
done << 'EOF'
ACK_BEFORE_QUEUE ACKED_ONLY_WHEN_STORED
ACK_REFUSED ACKED_ONLY_WHEN_STORED
WRITE_AGAIN COPIES_EXPLAINED
SERVER_FORGETS NOTHING_LOST
SEND_ONCE arrives
NONE nothing
EOF
