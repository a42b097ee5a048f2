#!/usr/bin/env bash
# sqlglot 30.30.0: functions of Athena are transpiled for DuckDB by their names, and there mean another thing.
#
# No error and no warning. Trino's documentation, which Athena's functions follow: date_diff counts whole
# units between two times (two minutes around midnight are 0 days), DuckDB's counts the boundaries that lie
# between (1), and its date_sub counts as Trino does. regexp_extract of what doesn't match is NULL in Trino,
# and an empty text in DuckDB. A date plus an interval of days is a date in Trino, and a timestamp in DuckDB.
# Whoever tests Athena's SQL on DuckDB that way tests other queries.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlglot==30.30.0 duckdb==2.0.1
cd "$folder"

cat >expected <<'EOF'
sqlglot 30.30.0 duckdb 2.0.1
date_diff       1 BIGINT
regexp_extract  '' VARCHAR
date + interval datetime.datetime(2026, 3, 2, 0, 0) TIMESTAMP
EOF
venv/bin/python - <<'EOF' | tee actual
import duckdb
import sqlglot

print("sqlglot", sqlglot.__version__, "duckdb", duckdb.__version__)
for name, query in {
    "date_diff": "SELECT date_diff('day', TIMESTAMP '2026-03-01 23:59:00', TIMESTAMP '2026-03-02 00:01:00')",
    "regexp_extract": "SELECT regexp_extract('abc', 'x+')",
    "date + interval": "SELECT DATE '2026-03-01' + INTERVAL '1' DAY",
}.items():
    answer = duckdb.sql(sqlglot.transpile(query, read="athena", write="duckdb")[0])
    print(f"{name:15}", repr(answer.fetchall()[0][0]), answer.types[0])
EOF
diff expected actual
