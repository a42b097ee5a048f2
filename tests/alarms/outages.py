"""Outages: each function causes one in a scene, and records the runs that follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc

from simulator.event_server import (
    ACK_FAILURE,
    ACK_FORGOTTEN,
    AckFault,
    StreamFault,
    with_timestamp,
    without_payload,
)
from simulator.token_server import TokenFault
from tests.alarms.recording import record, record_stopped
from tests.faults.http_proxy import (
    DescribeSecretFault,
    PutObjectFault,
    PutSecretFault,
    SendBatchFault,
)

if TYPE_CHECKING:
    from tests.alarms.timeline import RealRun
    from tests.faults.scene import Scene

_INVALID_CLIENT: Final = TokenFault(status=401, body=b'{"error": "invalid_client"}')


def archive_denied(scene: Scene) -> list[RealRun]:
    """S3 denies access: each run fails, and receives the same events."""
    scene.faults.inject(PutObjectFault(status=403, code="AccessDenied"))
    scene.publish(30)
    return [record(scene), record(scene)]


def archive_unavailable(scene: Scene) -> list[RealRun]:
    """S3 has an outage, with few events: runs complete, and receive the same events."""
    scene.faults.inject(PutObjectFault(status=503, code="ServiceUnavailable"))
    scene.publish(3)
    return [record(scene), record(scene)]


def queue_unavailable(scene: Scene) -> list[RealRun]:
    """SQS has an outage, with few events."""
    scene.faults.inject(SendBatchFault(status=503, code="ServiceUnavailable"))
    scene.publish(3)
    return [record(scene), record(scene)]


def client_refused(scene: Scene, **environment: str) -> list[RealRun]:
    """The token endpoint no longer knows the client."""
    scene.faults.inject(_INVALID_CLIENT)
    return [record(scene, **environment)]


def credentials_malformed(scene: Scene) -> list[RealRun]:
    """The credentials secret is malformed."""
    scene.put_credentials({"client": "made-up-client"})
    return [record(scene)]


def credentials_awaited(scene: Scene) -> list[RealRun]:
    """A stack is new, and nobody has put in credentials."""
    arn = scene.cloud.secrets.create_secret(Name=f"{scene.places.bucket}-empty")["ARN"]
    return [record(scene, CREDENTIALS_SECRET_ARN=arn)]


def credentials_not_put_in(scene: Scene) -> list[RealRun]:
    """A day later nobody has."""
    scene.faults.inject(DescribeSecretFault(older_by=timedelta(days=1)))
    return credentials_awaited(scene)


def stream_not_allowed(scene: Scene) -> list[RealRun]:
    """The event server answers PERMISSION_DENIED when the stream is opened."""
    scene.faults.inject(StreamFault(code=grpc.StatusCode.PERMISSION_DENIED))
    return [record(scene)]


def acks_not_allowed(scene: Scene) -> list[RealRun]:
    """The event server opens the stream, but answers acks with PERMISSION_DENIED."""
    scene.faults.inject(AckFault(is_taken=False, code=grpc.StatusCode.PERMISSION_DENIED))
    scene.publish(5)
    return [record(scene)]


def bare_token_expired(scene: Scene) -> list[RealRun]:
    """The operator's own token has expired and can't be renewed."""
    scene.put_credentials({"access_token": "made-up-and-expired"})
    return [record(scene)]


def renewal_refused(scene: Scene) -> list[RealRun]:
    """The cached token expires soon, and the token endpoint mints no other."""
    first = record(scene)
    content = json.loads(
        scene.cloud.secrets.get_secret_value(SecretId=scene.places.token_arn)["SecretString"]
    )
    now = datetime.now(UTC)
    # It was minted an hour ago, and is valid for a window of four minutes plus two minutes.
    ages = {"minted_at": now - timedelta(minutes=53), "expires_at": now + timedelta(minutes=7)}
    content |= {name: moment.isoformat() for name, moment in ages.items()}
    scene.cloud.secrets.put_secret_value(
        SecretId=scene.places.token_arn, SecretString=json.dumps(content)
    )
    scene.faults.inject(_INVALID_CLIENT)
    assert not first.has_raised
    return [record(scene)]


def token_not_cached(scene: Scene) -> list[RealRun]:
    """Secrets Manager rejects the new token, so each run mints one."""
    scene.faults.inject(PutSecretFault(status=400, code="AccessDeniedException"))
    return [record(scene)]


def short_lived_token(scene: Scene) -> list[RealRun]:
    """Tokens are valid for a minute, so each run mints one."""
    scene.faults.inject(TokenFault(fields=(("expires_in", 60),)))
    return [record(scene)]


def old_events(scene: Scene) -> list[RealRun]:
    """Events are twenty minutes old on arrival."""
    past = datetime.now(UTC) - timedelta(minutes=20)
    scene.publish_odd(partial(with_timestamp, at=past), count=5)
    return [record(scene)]


def more_than_the_limit(scene: Scene) -> list[RealRun]:
    """Each run ends by its limit, and leaves events waiting."""
    scene.publish(400)
    return [record(scene, MAX_EVENTS="50") for _ in range(2)]


def no_payload(scene: Scene) -> list[RealRun]:
    """An event can't be written as a line."""
    scene.publish_odd(without_payload)
    return [record(scene)]


def acks_not_confirmed(scene: Scene) -> list[RealRun]:
    """The server confirms no ack, so each run receives and writes the same events."""
    scene.faults.inject(ACK_FAILURE)
    scene.publish(30)
    return [record(scene), record(scene)]


def acks_forgotten(scene: Scene) -> list[RealRun]:
    """The server confirms acks, but does not register them: the same events arrive again."""
    scene.faults.inject(ACK_FORGOTTEN)
    scene.publish(30)
    return [record(scene, MAX_EVENTS="100") for _ in range(2)]


def setting_that_can_not_work(scene: Scene) -> list[RealRun]:
    """An invalid setting: the run raises before it has a report."""
    return [record(scene, MAX_IN_FLIGHT="0")]


def stopped_in_its_midst(scene: Scene) -> list[RealRun]:
    """A run hangs and is stopped without a report; later runs are healthy."""
    scene.publish(10)
    scene.faults.inject(PutObjectFault(is_unanswered=True))
    stopped = record_stopped(scene)
    scene.faults.clear()
    return [stopped, record(scene)]


def others_can_not_be_started(scene: Scene) -> list[RealRun]:
    """The run drains, but Lambda starts no concurrent run."""
    scene.publish(5)
    return [record(scene, PULLERS="2")]
