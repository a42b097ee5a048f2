#!/usr/bin/env bash
# ministack 1.5.33: with AUTH=true a batch of messages needs sqs:SendMessageBatch, an action that AWS doesn't have.
#
# In AWS the batch operations of SQS are allowed by the single ones: SendMessageBatch by sqs:SendMessage
# (Service Authorization Reference, Actions defined by Amazon SQS). A role with just the rights that AWS wants
# is denied here, and a policy that satisfies the emulator names an action that linters of policies report as
# unknown.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
cd "$folder"

cat >expected <<'EOF'
ministack 1.5.33
SendMessage: allowed
SendMessageBatch: AccessDenied
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


def policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


iam, name = root.client("iam"), "made-up"
trust = policy(Principal={"AWS": "*"}, Action="sts:AssumeRole")
role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
iam.put_role_policy(
    RoleName=name, PolicyName=name, PolicyDocument=policy(Action="sqs:SendMessage", Resource="*")
)
queue = root.client("sqs").create_queue(QueueName=name)["QueueUrl"]
keys = root.client("sts").assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]
sqs = session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]).client("sqs")


def show(operation, call):
    try:
        call()
        print(f"{operation}: allowed")
    except ClientError as error:
        print(f"{operation}: {error.response['Error']['Code']}")


show("SendMessage", lambda: sqs.send_message(QueueUrl=queue, MessageBody="a"))
entries = [{"Id": "1", "MessageBody": "a"}]
show("SendMessageBatch", lambda: sqs.send_message_batch(QueueUrl=queue, Entries=entries))
EOF
diff expected actual
