#!/usr/bin/env bash
# boto3 1.44.5: a presigned S3 URL names the global host although the client's own endpoint is the region's.
#
# Without an addressing style a client of eu-central-1 calls the region's host, but presigns for
# BUCKET.s3.amazonaws.com, whatever the signature's version. For a new bucket that host redirects for hours to
# the region's, for which the signature doesn't hold. addressing_style "virtual", which is what "auto" chooses
# for a call, gives the region's host.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.5
cd "$folder"

cat >expected <<'EOF'
boto3 1.44.5
endpoint         https://s3.eu-central-1.amazonaws.com
by default       https://made-up.s3.amazonaws.com/key
style auto       https://made-up.s3.amazonaws.com/key
style virtual    https://made-up.s3.eu-central-1.amazonaws.com/key
style path       https://s3.eu-central-1.amazonaws.com/made-up/key
EOF
venv/bin/python - <<'EOF' | tee actual
import boto3
from botocore.config import Config

print("boto3", boto3.__version__)
session = boto3.session.Session("made-up", "made-up", region_name="eu-central-1")
print("endpoint        ", session.client("s3").meta.endpoint_url)
for style in (None, "auto", "virtual", "path"):
    config = Config(signature_version="s3v4", s3={"addressing_style": style} if style else None)
    url = session.client("s3", config=config).generate_presigned_url(
        "get_object", Params={"Bucket": "made-up", "Key": "key"}
    )
    print(f"{'style ' + style if style else 'by default':16}", url.split("?")[0])
EOF
diff expected actual
