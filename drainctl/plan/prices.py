"""AWS's list prices in us-east-1 as of November 2026, in dollars, without free tiers.

The comments name the sources. Prices change: check the sources before you rely on a result. A month
has 30 days.
"""

from __future__ import annotations

from typing import Final

AS_OF: Final = "November 2026"
REGION: Final = "us-east-1"
DAYS_A_MONTH: Final = 30
HOURS_A_MONTH: Final = 24 * DAYS_A_MONTH

# aws.amazon.com/lambda/pricing
LAMBDA_GB_SECOND: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LAMBDA_REQUEST: Final = 0.20 / 1e6

# aws.amazon.com/s3/pricing, S3 Standard
S3_PUT: Final = 0.005 / 1e3
S3_GB_MONTH: Final = 0.023

# aws.amazon.com/sqs/pricing; each 64 KB of a call counts as a request
SQS_REQUEST: Final = 0.40 / 1e6
SQS_FIFO_REQUEST: Final = 0.50 / 1e6

# aws.amazon.com/secrets-manager/pricing
SECRET_MONTH: Final = 0.40
SECRET_CALL: Final = 0.05 / 1e4

# aws.amazon.com/cloudwatch/pricing, the first 10,000 metrics; standard alarms; standard logs
METRIC_MONTH: Final = 0.30
ALARM_MONTH: Final = 0.10
LOG_GB: Final = 0.50
LOG_GB_MONTH: Final = 0.03

# aws.amazon.com/kms/pricing
KMS_KEY_MONTH: Final = 1.00
KMS_CALL: Final = 0.03 / 1e4

# aws.amazon.com/eventbridge/pricing, EventBridge Scheduler
SCHEDULER_INVOCATION: Final = 1.00 / 1e6

# aws.amazon.com/fargate/pricing, Linux on ARM
FARGATE_VCPU_HOUR: Final = 0.03238
FARGATE_GB_HOUR: Final = 0.00356

# aws.amazon.com/ec2/pricing/on-demand, Linux, and aws.amazon.com/ebs/pricing, gp3
T4G_NANO_HOUR: Final = 0.0042
C7G_MEDIUM_HOUR: Final = 0.0363
GP3_GB_MONTH: Final = 0.08

# aws.amazon.com/vpc/pricing
PUBLIC_IPV4_HOUR: Final = 0.005
