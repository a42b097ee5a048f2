#!/usr/bin/env bash
# Powertools for AWS Lambda 3.37.0: the Logger omits a key whose value is None, and keeps one within a dict.
#
# So "it had no value" and "it was not logged" look the same in CloudWatch Logs Insights at the top level:
# a filter such as `filter isblank(error)` finds both, and `stats count(error)` counts neither.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0
cd "$folder"

cat >expected <<'EOF'
aws-lambda-powertools 3.37.0
logged: {"count": 0, "text": "", "nested": {"error": null}}
EOF
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import io
import json

from aws_lambda_powertools import Logger

print("aws-lambda-powertools", importlib.metadata.version("aws-lambda-powertools"))
stream = io.StringIO()
logger = Logger(service="made-up", stream=stream)
logger.info("drained", error=None, count=0, text="", nested={"error": None})
found = json.loads(stream.getvalue())
print("logged:", json.dumps({key: found[key] for key in ("error", "count", "text", "nested") if key in found}))
EOF
diff expected actual
