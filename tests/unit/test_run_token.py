"""Secrets that a process remembers, and the token of a run that uses them."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from eventdrain.auth import (
    REMEMBERED_FOR,
    RememberedSecrets,
    RunToken,
    SecretMemory,
    StaticToken,
    TokenCache,
    read_credentials,
)
from eventdrain.errors import CredentialsError, TokenUnavailable
from tests.fakes import NOW, FakeSecretStore, FakeTokenEndpoint
from tests.unit.token_caching import (
    CACHED,
    COUNTRY,
    HANDSET,
    LIFETIME,
    NEEDED,
    SECRET,
    cache,
    content,
    store,
)

if TYPE_CHECKING:
    from datetime import datetime

CREDENTIALS: Final = "arn:credentials"
CLIENT: Final = '{"client_id": "made-up-id", "client_secret": "made-up-secret"}'
MINUTE: Final = timedelta(minutes=1)
LEAD: Final = timedelta(minutes=10)


class Process:
    """A process whose runs share a memory.

    Attributes:
        secrets: The store.
        endpoint: The token endpoint, whose time is that of the process.
    """

    def __init__(self, credentials: str = CLIENT, token: str | None = None) -> None:
        self.secrets = store(token)
        self.secrets.contents[CREDENTIALS] = credentials
        self.endpoint = FakeTokenEndpoint()
        self._memory: SecretMemory = {}

    def now(self) -> datetime:
        """Return the time."""
        return self.endpoint.now

    def run(self, *, scope: str = HANDSET, scopes: tuple[str, ...] | None = None) -> RunToken:
        """Return the token of a run, in which each run that may renew it early does."""
        remembered = RememberedSecrets(self.secrets, self._memory, now=self.now)

        def read() -> TokenCache | StaticToken:
            found = read_credentials(remembered, CREDENTIALS)
            if isinstance(found, StaticToken):
                return found
            return cache(remembered, self.endpoint, scope, scopes=scopes)

        return RunToken(remembered, read)

    def reads(self) -> list[str]:
        """Return the secrets that were read since the last call."""
        reads, self.secrets.reads = self.secrets.reads, []
        return reads


def test_most_runs_read_no_secret() -> None:
    """Runs read the secrets again only after a quarter of an hour."""
    process = Process(token=content(LIFETIME))
    assert process.run().token() == CACHED
    assert process.reads() == [CREDENTIALS, SECRET]
    process.endpoint.now = NOW + REMEMBERED_FOR - timedelta(seconds=1)
    assert process.run().token() == CACHED
    assert process.reads() == []
    process.endpoint.now = NOW + REMEMBERED_FOR
    assert process.run().token() == CACHED
    assert process.reads() == [CREDENTIALS, SECRET]


def test_clock_that_was_set_back() -> None:
    """A secret that was read far in the future is read again."""
    process = Process(token=content(LIFETIME))
    process.endpoint.now = NOW + LEAD * 3
    process.run().token()
    process.reads()
    process.endpoint.now = NOW
    process.run().token()
    assert process.reads() == [CREDENTIALS, SECRET]


@pytest.mark.parametrize("left", [NEEDED + LEAD, NEEDED + MINUTE, NEEDED - MINUTE, MINUTE])
def test_token_is_renewed_with_secrets_that_were_just_read(left: timedelta) -> None:
    """From when a token may be renewed, another process may have renewed it: the run looks."""
    process = Process(token=content(NEEDED + LEAD + MINUTE))
    process.run().token()
    process.reads()
    process.endpoint.now = NOW + NEEDED + LEAD + MINUTE - left
    process.secrets.contents[SECRET] = content(LIFETIME * 2, access_token="made-up-newer")
    is_due = left < NEEDED + LEAD
    assert process.run().token() == ("made-up-newer" if is_due else CACHED)
    assert process.reads() == ([CREDENTIALS, SECRET] if is_due else [])
    assert process.endpoint.asked == []


def test_token_is_minted_for_the_client_that_is_in_the_secret_now() -> None:
    """A run that mints uses the credentials as they are, not as they were."""
    process = Process(token=content(NEEDED + LEAD + MINUTE))
    process.run().token()
    process.endpoint.now = NOW + LEAD
    process.secrets.contents[CREDENTIALS] = '{"access_token": "made-up-static"}'
    assert process.run().token() == "made-up-static"


def test_stream_whose_scope_the_remembered_token_lacks() -> None:
    """The run looks for a token with its scope, as it would without a memory."""
    both = (COUNTRY, HANDSET)
    process = Process(token=content(scopes=(HANDSET,), requested=both))
    assert process.run(scopes=both).token() == CACHED
    process.secrets.contents[SECRET] = content(access_token="made-up-newer", requested=both)
    assert process.run(scope=COUNTRY, scopes=both).token() == "made-up-newer"


def test_remembered_token_that_is_rejected() -> None:
    """The run takes the token that is in the secret now, and mints one if it is the same."""
    process = Process(token=content())
    process.run().token()
    process.secrets.contents[SECRET] = content(access_token="made-up-newer")
    run = process.run()
    assert run.token() == CACHED
    assert run.renew(CACHED)
    assert run.renew(CACHED), "a caller that was rejected before gets the new token"
    assert run.token() == "made-up-newer"
    assert process.endpoint.asked == []
    assert run.renew("made-up-newer")
    assert run.token() == "minted-1"
    assert not run.renew("minted-1")


def test_rejected_token_that_is_still_in_the_secret() -> None:
    """A new token is minted, once, for this process and the others."""
    process = Process(token=content())
    process.run().token()
    run = process.run()
    assert run.renew(str(run.token()))
    assert run.token() == process.run().token() == "minted-1"
    assert "minted-1" in process.secrets.contents[SECRET]


def test_failed_renewal_is_counted_though_the_secrets_are_read_again() -> None:
    """An early renewal of a remembered token fails, and the server rejects the token later."""
    process = Process(token=content(NEEDED + LEAD + 5 * MINUTE))
    process.run()
    process.endpoint.now += MINUTE
    process.run().token()
    process.endpoint.now = NOW + REMEMBERED_FOR
    process.endpoint.error = TokenUnavailable("made up")
    run = process.run()
    assert run.token() == CACHED
    process.endpoint.error = None
    assert run.renew(CACHED)
    assert run.renewals_failed == 1


@pytest.mark.parametrize("is_remembered", [False, True])
def test_static_token_that_is_rejected(*, is_remembered: bool) -> None:
    """A remembered static token is replaced by the one in the secret, if that is another."""
    process = Process('{"access_token": "made-up-old"}')
    if is_remembered:
        process.run().token()
    run = process.run()
    assert run.token() == "made-up-old"
    process.secrets.contents[CREDENTIALS] = '{"access_token": "made-up-new"}'
    assert run.renew("made-up-old") is is_remembered
    assert run.token() == ("made-up-new" if is_remembered else "made-up-old")
    assert not run.renew(run.token())


@pytest.mark.parametrize("unreadable", [{CREDENTIALS, SECRET}, {SECRET}])
def test_rejected_token_while_the_secrets_can_not_be_read(
    caplog: pytest.LogCaptureFixture, unreadable: set[str]
) -> None:
    """The run mints, with the remembered credentials if it must, and logs why."""
    process = Process(token=content())
    process.run().token()
    run = process.run()
    run.token()
    process.secrets.unreadable = frozenset(unreadable)
    with caplog.at_level(logging.WARNING):
        assert run.renew(CACHED)
    assert run.token() == "minted-1"
    assert (CREDENTIALS in caplog.text) is (CREDENTIALS in unreadable)
    assert "made-up-secret" not in caplog.text


def test_what_is_not_remembered() -> None:
    """An empty secret, an error and what could not be written are looked at again."""
    memory: SecretMemory = {}
    secrets = FakeSecretStore(unreadable=frozenset({"arn:a"}), unwritable=frozenset({"arn:c"}))
    secrets.contents["arn:c"] = "made-up-old"

    def remembered() -> RememberedSecrets:
        return RememberedSecrets(secrets, memory, now=lambda: NOW)

    with pytest.raises(CredentialsError):
        remembered().get("arn:a")
    assert remembered().get("arn:b") is None
    assert remembered().get("arn:c") == "made-up-old"
    with pytest.raises(CredentialsError):
        remembered().put("arn:c", "made-up-new")
    assert memory == {}
    remembered().put("arn:d", "made-up")
    assert list(memory) == ["arn:d"]
    assert "made-up" not in repr(memory)
    assert remembered().get("arn:d") == "made-up"
    assert secrets.reads == ["arn:a", "arn:b", "arn:c"]


def test_run_reads_what_it_has_read_again() -> None:
    """Within a run, nothing is remembered: another run may have written in the meantime."""
    secrets = FakeSecretStore({"arn:a": "made-up"})
    of_run = RememberedSecrets(secrets, {}, now=lambda: NOW)
    assert of_run.get("arn:a") == of_run.get("arn:a") == "made-up"
    assert secrets.reads == ["arn:a", "arn:a"]
