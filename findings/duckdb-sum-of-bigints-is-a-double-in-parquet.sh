#!/usr/bin/env bash
# DuckDB 2.0.1: a sum of BIGINTs is exact in a query and a rounded DOUBLE in the Parquet file of the same query.
#
# The sum of BIGINTs is a HUGEINT, a type that Parquet doesn't have. COPY writes it as DOUBLE without a
# warning, so that a sum above 2^53 changes on its way into the file, and a reader that expects an integer
# meets another type. A cast to BIGINT (or DECIMAL(38, 0)) keeps it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"

cat >expected <<'EOF'
duckdb 2.0.1
query  HUGEINT 9007199254740993
file   DOUBLE 9007199254740992.0
cast   BIGINT 9007199254740993
EOF
venv/bin/python - <<'EOF' | tee actual
import duckdb

print("duckdb", duckdb.__version__)


def show(name, relation):
    print(f"{name:6}", relation.types[0], relation.fetchall()[0][0])


numbers = "(VALUES (9007199254740992::BIGINT), (1::BIGINT)) AS numbers(n)"
show("query", duckdb.sql(f"SELECT sum(n) FROM {numbers}"))
duckdb.sql(f"COPY (SELECT sum(n) AS total FROM {numbers}) TO 'sum.parquet'")
show("file", duckdb.sql("FROM 'sum.parquet'"))
duckdb.sql(f"COPY (SELECT sum(n)::BIGINT AS total FROM {numbers}) TO 'cast.parquet'")
show("cast", duckdb.sql("FROM 'cast.parquet'"))
EOF
diff expected actual
