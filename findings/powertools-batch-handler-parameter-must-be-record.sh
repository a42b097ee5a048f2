#!/usr/bin/env bash
# Powertools for AWS Lambda 3.37.0: a record handler whose parameter isn't named "record" fails every message.
#
# The batch processor calls the handler with a keyword argument, record=. A handler with another parameter
# name, which type checkers accept as a Callable of one argument, raises a TypeError for each record. The
# processor counts these as failures of the records and logs nothing: with some records failing it would
# report them as partial failures, and they end in the dead-letter queue.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aws-lambda-powertools==3.37.0
cd "$folder"

cat >expected <<'EOF'
aws-lambda-powertools 3.37.0
record: [('success', '1'), ('success', '2')]
message: [('fail', 'TypeError'), ('fail', 'TypeError')]
log lines: 0
EOF
venv/bin/python - <<'EOF' | tee actual
import importlib.metadata
import logging
import warnings

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

warnings.simplefilter("ignore")
lines = []


class Counting(logging.Handler):
    def emit(self, record):
        lines.append(record)


logging.getLogger().addHandler(Counting())
print("aws-lambda-powertools", importlib.metadata.version("aws-lambda-powertools"))
records = [
    {"messageId": number, "body": number, "eventSource": "aws:sqs", "messageAttributes": {}}
    for number in ("1", "2")
]


def results_of(handler):
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    with processor(records, handler):
        return [
            (status, type(processor.exceptions[-1][1]).__name__ if status == "fail" else result)
            for status, result, *_ in processor.process()
        ]


print("record:", results_of(lambda record: record.body))
print("message:", results_of(lambda message: message.body))
print("log lines:", len(lines))
EOF
diff expected actual
