#!/usr/bin/env bash
# DuckDB 2.0.1: read_json loses a key without an error if only the 33rd file has it.
#
# It infers the columns from at most 32 files (maximum_sample_files). A key that none of these files has is
# dropped from the rows, although union_by_name finds it. The same lines in one file end with an error
# instead, once the key comes after the sample of lines (sample_size, 20,480).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"

cat >expected <<'EOF'
duckdb 2.0.1
32 files: ['id', 'late']
33 files: ['id']
by name: ['id', 'late']
one file: Invalid Input Error: JSON transform error in file "all.ndjson", in line 30001: Object {"id":2,"late":1} has unknown key "late"
EOF
venv/bin/python - <<'EOF' | tee actual
import json, os
import duckdb

print("duckdb", duckdb.__version__)
for files in (32, 33):
    os.mkdir(str(files))
    lines = [json.dumps({"id": n}) for n in range(1, files)] + [json.dumps({"id": files, "late": 1})]
    for number, line in enumerate(lines):
        open(f"{files}/{number:03}.ndjson", "w").write(line + "\n")
    print(files, "files:", duckdb.sql(f"FROM read_json('{files}/*.ndjson')").columns)
print("by name:", duckdb.sql("FROM read_json('33/*.ndjson', union_by_name = true)").columns)
open("all.ndjson", "w").write('{"id": 1}\n' * 30_000 + '{"id": 2, "late": 1}\n')
try:
    print("one file:", duckdb.sql("FROM read_json('all.ndjson')").fetchall()[-1])
except duckdb.InvalidInputException as error:
    print("one file:", str(error).splitlines()[0])
EOF
diff expected actual
