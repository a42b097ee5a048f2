#!/usr/bin/env bash
# polars 2.1.0: an object that a schema reads as pl.String is not its JSON: escapes of the texts in it are lost.
#
# A string column takes an object without an error, as text that looks like JSON. Backslashes in
# its texts are no longer escaped, so the text doesn't parse, or parses as another text.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
cd "$folder"

cat >expected <<'EOF'
polars 2.1.0
{"object": {"text": "plain"}} -> {"text": "plain"} -> 'plain'
{"object": {"text": "C:\\new"}} -> {"text": "C:\new"} -> 'C:\new'
{"object": {"text": "a\\cute"}} -> {"text": "a\cute"} -> Invalid \escape
EOF
venv/bin/python - <<'EOF' | tee actual
import json
import polars as pl

print("polars", pl.__version__)
for text in ("plain", "C:\\new", "a\\cute"):
    line = json.dumps({"object": {"text": text}})
    open("lines.ndjson", "w").write(line + "\n")
    read = pl.read_ndjson("lines.ndjson", schema={"object": pl.String})["object"][0]
    try:
        print(line, "->", read, "->", repr(json.loads(read)["text"]))
    except json.JSONDecodeError as error:
        print(line, "->", read, "->", error.msg)
EOF
diff expected actual
