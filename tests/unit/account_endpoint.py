"""An AWS over HTTP with one stack, which records the caller and region of each request."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from drainctl.pseudonyms import KEY_OUTPUT
from eventdrain.events import Kind, Pseudonyms
from tests.deliveries import LAYOUT, delivery_of
from tests.replay_archive import FakeArchive
from tests.unit.http_aws import STACK, HttpAws, describe_stacks, failure

if TYPE_CHECKING:
    from email.message import Message

SUBSCRIPTION: Final = "madeup:eu:0"
"""The subscriber of the archive's events: one has the id, one the pseudonym."""

_OUTPUTS: Final = {
    "ArchiveBucketName": LAYOUT.bucket,
    "OutboxQueueUrl": "https://sqs.example/made-up",
    KEY_OUTPUT: "arn:aws:secretsmanager:eu-north-1:111122223333:secret:made-up",
}
_PARAMETERS: Final = {
    "ArchivePrefix": LAYOUT.prefix,
    "EventTypes": "handset_change",
    "EventsPerMessage": "1",
    "QuarantinePrefix": "quarantine",
    "TablesPrefix": "tables",
}
_KEY: Final = "made-up-key-of-letters-and-digits-0123456789ABCDEF"
_SCOPE: Final = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


class Asked(NamedTuple):
    """The caller, service and region in the signature of a request."""

    service: str
    region: str
    access_key: str


class AccountEndpoint(HttpAws):
    """The server, to be used in a ``with``.

    Attributes:
        asked: The signatures of the requests.
        failure: The code of CloudFormation's error; empty for none.
        parameters: The stack's.
    """

    def __init__(self) -> None:
        self.asked: set[Asked] = set()
        self.failure = ""
        self.parameters = _PARAMETERS
        archive = FakeArchive()
        pseudonym = Pseudonyms(_KEY.encode()).of(Kind.SUBSCRIPTION, SUBSCRIPTION)
        line = delivery_of(1).line.replace("madeup:eu:1", pseudonym)
        archive.put([delivery_of(0), delivery_of(1)._replace(line=line)])
        ((self._key, self._object),) = archive.objects_by_key.items()

    def answer(self, headers: Message, path: str, body: str) -> tuple[int, bytes]:
        """See ``HttpAws``."""
        scope = _SCOPE.search(headers["Authorization"])
        assert scope is not None
        asked = Asked(scope[3], scope[2], scope[1])
        self.asked.add(asked)
        return self._answer(asked.service, path, body)

    def _answer(self, service: str, path: str, body: str) -> tuple[int, bytes]:
        if service == "cloudformation":
            return self._cloud_formation(parse_qs(body)["StackName"][0])
        if service == "s3":
            url = urlsplit(path)
            return 200, self._s3(unquote(url.path), parse_qs(url.query, keep_blank_values=True))
        if service == "sqs":
            sent = [{"Id": each["Id"]} for each in json.loads(body)["Entries"]]
            return 200, json.dumps({"Successful": sent}).encode()
        if service == "sts":
            return (
                200,
                b"<R><GetCallerIdentityResult><Account>0</Account></GetCallerIdentityResult></R>",
            )
        assert service == "secretsmanager"
        return 200, json.dumps({"SecretString": _KEY}).encode()

    def _cloud_formation(self, stack_name: str) -> tuple[int, bytes]:
        if self.failure and stack_name == STACK:
            return failure(self.failure, "made up: arn:aws:iam::111122223333:user/somebody")
        return describe_stacks(stack_name, _OUTPUTS, self.parameters)

    def _s3(self, path: str, query: dict[str, list[str]]) -> bytes:
        if "versions" in query:  # of versions there are none
            return b"<ListVersionsResult/>"
        if "list-type" not in query:
            assert path == f"/{LAYOUT.bucket}/{self._key}"
            return self._object
        folder = self._key.rpartition("/")[0]
        listed = f"<Contents><Key>{self._key}</Key><Size>{len(self._object)}</Size></Contents>"
        if "delimiter" in query:
            listed = f"<CommonPrefixes><Prefix>{folder}/</Prefix></CommonPrefixes>"
        elif query["start-after"] == [self._key]:
            listed = ""
        return f"<ListBucketResult>{listed}</ListBucketResult>".encode()
