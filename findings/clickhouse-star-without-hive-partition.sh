#!/usr/bin/env bash
# ClickHouse 26.9 (chdb-core 26.9.0): with a structure given, SELECT * has no column of the folder dt=...
#
# Where the structure is inferred, the column of a folder such as dt=2026-03-01 is one of it, and in *. Where it
# is given, the column is still there, for whoever names it, but not in *.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check chdb-core==26.9.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"

cat >expected <<'EOF'
ClickHouse 26.9.2.1
inferred     {"id":1,"dt":"2026-03-01"}
given        {"id":1}
given, named {"id":1,"dt":"2026-03-01"}
EOF
venv/bin/python - <<'EOF' | tee actual
import os
from chdb import query

print("ClickHouse", str(query("SELECT version() FORMAT TSV")).strip())
os.mkdir("dt=2026-03-01")
open("dt=2026-03-01/lines.ndjson", "w").write('{"id": 1}\n')
files, given = "'dt=*/*.ndjson'", "'dt=*/*.ndjson', 'JSONEachRow', 'id Int64'"
print("inferred    ", query(f"SELECT * FROM file({files}) FORMAT JSONEachRow"), end="")
print("given       ", query(f"SELECT * FROM file({given}) FORMAT JSONEachRow"), end="")
print("given, named", query(f"SELECT *, dt FROM file({given}) FORMAT JSONEachRow"), end="")
EOF
diff expected actual
