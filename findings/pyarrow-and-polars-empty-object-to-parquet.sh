#!/usr/bin/env bash
# pyarrow 26.0.1 and polars 2.1.0: a JSON object without members is read, and can't be written to Parquet.
#
# Both infer a struct without members, whose rows are null or not. Parquet has no such group, so a
# table that was just read can't be kept. A schema with a member that is never there works, and keeps the
# difference between {} and an absent object.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 polars==2.1.0
cd "$folder"

cat >expected <<'EOF'
pyarrow 26.0.1 polars 2.1.0
struct<> Struct({}) [{}, None]
pyarrow: Cannot write struct type 'mark' with no child field to Parquet. Consider adding a dummy child field.
polars: Unable to write struct type with no child field to Parquet. Consider adding a dummy child field.
with a member: [{'_': None}, None]
EOF
venv/bin/python - <<'EOF' | tee actual
import polars as pl
import pyarrow as pa, pyarrow.json as pj, pyarrow.parquet as pq

print("pyarrow", pa.__version__, "polars", pl.__version__)
open("lines.json", "w").write('{"id": 1, "mark": {}}\n{"id": 2}\n')
table, frame = pj.read_json("lines.json"), pl.read_ndjson("lines.json")
print(table.schema.field("mark").type, frame.schema["mark"], table["mark"].to_pylist())
try:
    pq.write_table(table, "written.parquet")
except pa.ArrowNotImplementedError as error:
    print("pyarrow:", error)
try:
    frame.write_parquet("written.parquet")
except pl.exceptions.InvalidOperationError as error:
    print("polars:", error)
with_member = pa.schema([("id", pa.int64()), ("mark", pa.struct([("_", pa.string())]))])
table = pj.read_json("lines.json", parse_options=pj.ParseOptions(explicit_schema=with_member))
pq.write_table(table, "written.parquet")
print("with a member:", pq.read_table("written.parquet")["mark"].to_pylist())
EOF
diff expected actual
