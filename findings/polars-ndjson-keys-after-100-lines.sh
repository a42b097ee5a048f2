#!/usr/bin/env bash
# polars 2.1.0: read_ndjson and scan_ndjson lose a key without an error if no line of the first 100 has it.
#
# The columns are inferred from infer_schema_length lines (100). Keys that come later are dropped, at any
# depth. A column that is null in all of these lines ends the read with an error instead, so the same late
# value is either lost or fatal.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
cd "$folder"

cat >expected <<'EOF'
polars 2.1.0
line 100 [{'id': 2, 'event': {'a': 1, 'b': 2}, 'late': 1}]
line 101 [{'id': 2, 'event': {'a': 1}}]
scanned [{'id': 2, 'event': {'a': 1}}]
null before: got non-null value for NULL-typed column: text
EOF
venv/bin/python - <<'EOF' | tee actual
import polars as pl

print("polars", pl.__version__)
late = '{"id": 2, "event": {"a": 1, "b": 2}, "late": 1}\n'
for before in (99, 100):
    open("lines.ndjson", "w").write('{"id": 1, "event": {"a": 1}}\n' * before + late)
    print("line", before + 1, pl.read_ndjson("lines.ndjson")[-1].to_dicts())
print("scanned", pl.scan_ndjson("lines.ndjson").collect()[-1].to_dicts())
open("nulls.ndjson", "w").write('{"late": null}\n' * 100 + '{"late": "text"}\n')
try:
    print("null before", pl.read_ndjson("nulls.ndjson")[-1].to_dicts())
except pl.exceptions.ComputeError as error:
    print("null before:", error)
EOF
diff expected actual
