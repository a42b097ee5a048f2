#!/usr/bin/env bash
# rich 15.0.0: an SVG exported by Console.export_svg loads its fonts from a content delivery network.
#
# Whoever opens the picture in a page tells a third party, and without a network the browser substitutes a
# font, whose other widths the export has compensated only by textLength. It has no option for it: the
# rules have to be removed from the text, or another code_format given.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rich==15.0.0
cd "$folder"

cat >expected <<'EOF'
rich 15.0.0
font faces: 2
fonts from: cdnjs.cloudflare.com
EOF
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import io
import re

from rich.console import Console

print("rich", importlib.metadata.version("rich"))
console = Console(record=True, file=io.StringIO(), width=40)
console.print("drained")
picture = console.export_svg()
print("font faces:", picture.count("@font-face"))
print("fonts from:", ", ".join(sorted(set(re.findall(r"url\(\"https://([^/]+)/", picture)))))
EOF
diff expected actual
