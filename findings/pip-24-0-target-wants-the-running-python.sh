#!/usr/bin/env bash
# pip 24.0: install --target --python-version compares with the running Python, download with the one asked for.
#
# Both find the wheel for the other Python. Then install compares the package's Requires-Python with the Python
# that runs pip, and refuses; --ignore-requires-python makes the same folder. So a Lambda layer for a new Python
# can't be installed by the pip of an older one, as far as a package wants the new one. pip 24.3.1 compares
# with --python-version. The package here wants Python 3.6, which no machine of today runs.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
what='--quiet --disable-pip-version-check --no-cache-dir --python-version 3.6 --only-binary=:all: --no-deps dataclasses==0.8'

attempt() { # NAME ARGUMENTS...: prints how pip ends
  # shellcheck disable=SC2086 # several options
  if venv/bin/pip "${@:2}" $what 2>error; then echo "$1: done"; else echo "$1: $(grep -o "requires a different Python" error)"; fi
}
cat >expected <<'EOF'
24.0 install: requires a different Python
24.0 download: done
24.0 install, requirement ignored: done
24.3.1 install: done
EOF
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pip==24.0
{
  attempt "24.0 install" install --target refused
  attempt "24.0 download" download --dest downloaded
  attempt "24.0 install, requirement ignored" install --target installed --ignore-requires-python
  venv/bin/pip install --quiet --disable-pip-version-check pip==24.3.1
  attempt "24.3.1 install" install --target installed-later
} | tee actual
diff expected actual
