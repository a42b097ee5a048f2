from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from eventdrain.adapters.aws import S3Archive, ServiceError
from tests.deliveries import LAYOUT, delivery_of

if TYPE_CHECKING:
    from eventdrain.adapters.aws import SignedHttp


class RefusingBucket:
    """A bucket that rejects objects in quarantine, and records the others."""

    url = "https://made-up"

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def call(self, _method: str, path: str, *_: object) -> bytes:
        """See ``SignedHttp``."""
        if path.startswith("/quarantine/"):
            raise ServiceError("AccessDenied", status=403)
        self.taken.append(path)
        return b""


def test_lines_wait_for_their_original_messages() -> None:
    """If original messages can't be written, their lines aren't either; other days' lines are."""
    bucket = RefusingBucket()
    odd = delivery_of(1)._replace(original="{}")
    other_day = delivery_of(2)._replace(event_time="2026-03-02T12:00:00Z")
    archive = S3Archive(cast("SignedHttp", bucket), LAYOUT)
    refused = asyncio.run(archive.write([delivery_of(0), odd, other_day]))
    assert refused.keys() == {delivery_of(0).event_id, odd.event_id}
    assert [path.rpartition("/")[0] for path in bucket.taken] == [
        "/events/handset_change/dt%3D2026-03-02"
    ]
