#!/usr/bin/env bash
# pyarrow 26.0.1: a JSON dataset has the columns of its first file alone; what others have more is lost.
#
# pyarrow.json.read_json of the same lines in one file finds a key wherever it comes first. A dataset inspects
# one file, and drops the keys of the others without an error. Types come from the first file as well: where its
# times have whole seconds, one with a fraction in another file ends the read.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cd "$folder"

cat >expected <<'EOF'
pyarrow 26.0.1
one file {'id': 2, 'event': {'a': 1, 'b': 2}, 'late': 1}
dataset  {'id': 2, 'event': {'a': 1}}
times: Failed to convert JSON to timestamp[s], couldn't parse:2026-03-01T12:00:00.005Z
EOF
venv/bin/python - <<'EOF' | tee actual
import os
import pyarrow, pyarrow.dataset, pyarrow.json

print("pyarrow", pyarrow.__version__)
first, second = '{"id": 1, "event": {"a": 1}}\n', '{"id": 2, "event": {"a": 1, "b": 2}, "late": 1}\n'
os.mkdir("keys")
open("keys/1.json", "w").write(first)
open("keys/2.json", "w").write(second)
open("one.json", "w").write(first + second)
print("one file", pyarrow.json.read_json("one.json").to_pylist()[1])
print("dataset ", pyarrow.dataset.dataset("keys", format="json").to_table().to_pylist()[1])
os.mkdir("times")
open("times/1.json", "w").write('{"time": "2026-03-01T12:00:00Z"}\n')
open("times/2.json", "w").write('{"time": "2026-03-01T12:00:00.005Z"}\n')
try:
    print(pyarrow.dataset.dataset("times", format="json").to_table().to_pylist())
except pyarrow.ArrowInvalid as error:
    print("times:", str(error).partition("Invalid: ")[2])
EOF
diff expected actual
