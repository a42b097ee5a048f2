#!/usr/bin/env bash
# hypothesis 6.170.15: with derandomize, the examples of a test change if its docstring does.
#
# derandomize=True takes the seed from a digest of the test's source text. So a change of words, which
# cannot change behaviour, draws other examples: such a test may begin to fail, or stop failing, in a
# commit that only edits prose.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check hypothesis==6.170.15
cd "$folder"

cat >expected <<'EOF'
hypothesis 6.170.15
same source, same draws: True
other docstring, same draws: False
EOF
cat >first.py <<'EOF'
from hypothesis import given, settings, strategies

drawn = []


@settings(derandomize=True, max_examples=50, database=None)
@given(strategies.integers())
def test(number):
    """Numbers are drawn."""
    drawn.append(number)


test()
EOF
cp first.py second.py
sed 's/Numbers are drawn/Some numbers are drawn/' first.py >third.py
PYTHONPATH=. venv/bin/python - <<'EOF' | tee actual
import importlib.metadata

import first
import second
import third

print("hypothesis", importlib.metadata.version("hypothesis"))
print("same source, same draws:", first.drawn == second.drawn)
print("other docstring, same draws:", first.drawn == third.drawn)
EOF
diff expected actual
