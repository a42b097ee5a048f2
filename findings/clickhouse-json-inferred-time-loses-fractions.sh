#!/usr/bin/env bash
# ClickHouse 26.9 (chdb-core 26.9.0): an inferred time loses its fraction of a second, without an error.
#
# Texts that look like times become DateTime if none of the lines that are looked at has a fraction, and
# DateTime64(9) if one has. A later text with a fraction is then cut to whole seconds. Whether times keep
# their fractions so depends on what comes first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check chdb-core==26.9.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"

cat >expected <<'EOF'
ClickHouse 26.9.2.1
line 2 Nullable(DateTime64(9))	2026-03-01 12:00:00.987000000
line 25001 Nullable(DateTime)	2026-03-01 12:00:00
EOF
venv/bin/python - <<'EOF' | tee actual
from chdb import query

print("ClickHouse", str(query("SELECT version() FORMAT TSV")).strip())
whole, fraction = '{"time": "2026-03-01T12:00:00Z"}\n', '{"time": "2026-03-01T12:00:00.987Z"}\n'
sql = "SELECT toTypeName(time), max(time) FROM file('lines.ndjson') GROUP BY 1 FORMAT TSV"
for before in (1, 25_000):
    open("lines.ndjson", "w").write(whole * before + fraction)
    print("line", before + 1, query(sql), end="")
EOF
diff expected actual
