#!/usr/bin/env bash
# Checkov 3.3.30: 40 letters in the name of a folder make it report a secret in a template that has none.
#
# CKV_AWS_45 looks for secrets in the environment of a Lambda function. The template's path is among what is
# looked at, and 40 letters between two signs that are no letters have the form of a secret access key. So the
# same file passes in one checkout and fails in another, as on a build machine with a digest in its paths. A
# path relative to another folder doesn't help as long as it names this one; to change into it first does.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check checkov==3.3.30
cd "$folder"

letters=of-$(printf 'a%.0s' {1..40})-letters
mkdir short "$letters"
cat >short/plain.yaml <<'EOF'
Resources:
  Plain:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: made-up, S3Key: made-up}
      Handler: made.up
      Role: arn:aws:iam::123456789012:role/made-up
      Runtime: python3.14
      Environment: {Variables: {NAME: value}}
EOF
cp short/plain.yaml "$letters"

look() { # prints what Checkov counts
  "$folder/venv/bin/checkov" --file "$1" --framework cloudformation --check CKV_AWS_45 --skip-download --quiet --compact \
    | grep '^Passed' || true
}
cat >expected <<'EOF'
checkov 3.3.30
short name: Passed checks: 1, Failed checks: 0, Skipped checks: 0
40 letters: Passed checks: 0, Failed checks: 1, Skipped checks: 0
from there: Passed checks: 1, Failed checks: 0, Skipped checks: 0
EOF
{
  echo "checkov $(venv/bin/checkov --version)"
  echo "short name: $(look short/plain.yaml)"
  echo "40 letters: $(look "$letters/plain.yaml")"
  echo "from there: $(cd "$letters" && look plain.yaml)"
} | tee actual
diff expected actual
