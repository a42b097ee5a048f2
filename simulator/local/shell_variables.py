"""The variables with which AWS tools, drainctl and grpcurl use a local stack."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from simulator.event_server import ALL_SCOPES

if TYPE_CHECKING:
    from simulator.deployment import LocalDeployment

_WORD: Final = re.compile(r"(?<!^)(?=[A-Z])")
_TOKEN_LIFETIME: Final = timedelta(days=30)


def shell_variables(deployment: LocalDeployment) -> dict[str, str]:
    """Return the variables by name, the stack's outputs among them, such as ARCHIVE_BUCKET_NAME.

    The token for the event server is a new one.
    """
    outputs = deployment.stack.outputs
    token = deployment.event_server.tokens.issue("by-hand", ALL_SCOPES, _TOKEN_LIFETIME).token
    credentials = deployment.credentials
    return {
        "AWS_ENDPOINT_URL": deployment.aws.endpoint_url,
        "AWS_CA_BUNDLE": str(deployment.aws.ca_bundle),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": deployment.aws.region,
        "AWS_DEFAULT_REGION": deployment.aws.region,
        "STACK": deployment.stack.name,
        "BUCKET": outputs["ArchiveBucketName"],
        "QUEUE_URL": outputs["OutboxQueueUrl"],
        "DATABASE": outputs["DatabaseName"],
        "WORKGROUP": outputs["WorkGroupName"],
        "EVENT_SERVER": deployment.event_server.target,
        "EVENT_TOKEN": token,
        "TOKEN_ENDPOINT": deployment.token_server.endpoint,
        "CLIENT_ID": credentials["client_id"],
        "CLIENT_SECRET": credentials["client_secret"],
        **{_WORD.sub("_", name).upper(): value for name, value in outputs.items()},
    }
