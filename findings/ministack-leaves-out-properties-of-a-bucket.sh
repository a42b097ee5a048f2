#!/usr/bin/env bash
# ministack 1.5.33: a stack is CREATE_COMPLETE although encryption and lifecycle of its bucket were left out.
#
# CloudFormation there sets the bucket's versioning and ignores BucketEncryption and LifecycleConfiguration,
# without an event or a warning. The API calls for both work. So a test that deploys a template and asks the
# bucket sees the defaults, and one that only waits for CREATE_COMPLETE proves nothing of these properties:
# they have to be checked in the template.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
cd "$folder"

cat >expected <<'EOF'
ministack 1.5.33
stack: CREATE_COMPLETE
versioning: Enabled
encryption: AES256
lifecycle: NoSuchLifecycleConfiguration
after PutBucketLifecycleConfiguration: 1 rule
EOF
port=$(python3 -c 'import socket; probe = socket.create_server(("127.0.0.1", 0)); print(probe.getsockname()[1])')
AUTH=true GATEWAY_PORT=$port BIND_HOST=127.0.0.1 IOT_MTLS_ENABLED=0 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
  venv/bin/ministack >ministack.log 2>&1 &
trap 'kill -KILL %1; rm -rf "$folder"' EXIT
export AWS_ENDPOINT_URL=http://127.0.0.1:$port
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import json
import os
import time
import urllib.request

import boto3
from botocore.exceptions import ClientError


def session(*keys):
    return boto3.session.Session(*keys, region_name="eu-west-1")


def wait_until_it_answers():
    while True:
        try:
            return urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_ministack/health").read()
        except OSError:
            time.sleep(0.2)


print("ministack", importlib.metadata.version("ministack"))
wait_until_it_answers()
root = session("test", "test")

name = "made-up"
rules = [{"ID": name, "Status": "Enabled", "Expiration": {"Days": 1}, "Filter": {"Prefix": ""}}]
properties = {
    "BucketName": name,
    "VersioningConfiguration": {"Status": "Enabled"},
    "LifecycleConfiguration": {"Rules": [{"Id": name, "Status": "Enabled", "ExpirationInDays": 1}]},
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
        ]
    },
}
template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}}
stacks, s3 = root.client("cloudformation"), root.client("s3")
stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
while (status := stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]).endswith("PROGRESS"):
    time.sleep(0.2)
print("stack:", status)
print("versioning:", s3.get_bucket_versioning(Bucket=name)["Status"])
(rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
print("encryption:", rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"])
try:
    s3.get_bucket_lifecycle_configuration(Bucket=name)
except ClientError as error:
    print("lifecycle:", error.response["Error"]["Code"])
s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
found = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
print("after PutBucketLifecycleConfiguration:", len(found), "rule")
EOF
diff expected actual
