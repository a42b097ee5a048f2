#!/usr/bin/env bash
# ClickHouse 26.9 (chdb-core 26.9.0): a key that no line of the first 25,000 has is lost without an error.
#
# The structure is inferred from the first lines (input_format_max_rows_to_read_for_schema_inference) of the
# first file that has any, however few. Keys that come later are dropped. With schema_inference_mode = 'union'
# each file is looked at.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check chdb-core==26.9.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"

cat >expected <<'EOF'
ClickHouse 26.9.2.1
line 25000 {"id":2,"late":1}
line 25001 {"id":2}
two files {"id":2}
union {"id":2,"late":1}
EOF
venv/bin/python - <<'EOF' | tee actual
import os
from chdb import query

print("ClickHouse", str(query("SELECT version() FORMAT TSV")).strip())
os.mkdir("files")
line, late = '{"id": 1}\n', '{"id": 2, "late": 1}\n'
open("files/1.ndjson", "w").write(line)
open("files/2.ndjson", "w").write(late)
for before in (24_999, 25_000):
    open("one.ndjson", "w").write(line * before + late)
    print("line", before + 1, query("SELECT * FROM file('one.ndjson') WHERE id = 2", "JSONEachRow"), end="")
two = "SELECT * FROM file('files/{1,2}.ndjson') WHERE id = 2"
print("two files", query(two, "JSONEachRow"), end="")
print("union", query(two + " SETTINGS schema_inference_mode = 'union'", "JSONEachRow"), end="")
EOF
diff expected actual
