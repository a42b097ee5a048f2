"""Breaks the engine on purpose, in one way after another, and sees that the tests notice.

``make mutants``. Each mutant is one replacement in one module of a copy of the tree; the tests
named with it must fail there. Exits with 1 if one survives, or if its text is not in the module any
more, so that this list can't rot.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from drainctl.make_command import MakeCommand
from simulator.aws.embedded_aws import PROJECT_FOLDER
from simulator.child_process import run_child

if TYPE_CHECKING:
    from collections.abc import Sequence

ENGINE: Final = Path("layers/eventdrain/eventdrain")
_COPIED: Final = (
    *("functions", "layers", "drainctl", "devtools", "simulator", "benchmarks", "tests"),
    *("protos", "events", "stacks", "docs"),
    *("pyproject.toml", "README.md", "Makefile", "template.yaml"),
)
_LONGEST_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break the engine.

    Attributes:
        name: What is broken.
        module: Where, below the engine's folder.
        old: The text that is replaced, once in the module.
        new: By what.
        tests: Which tests must notice.
    """

    name: str
    module: str
    old: str
    new: str
    tests: str


MUTANTS: Final = (
    Mutant(
        "acks what the queue refused",
        "drain/commit.py",
        "elif queue_failure is not None:",
        "elif queue_failure is not None and archive_failure is not None:",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "acks what the archive refused",
        "drain/commit.py",
        "if archive_failure is not None:\n                outcome",
        "if archive_failure is not None and queue_failure is not None:\n                outcome",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "doesn't write again what was refused for a moment",
        "drain/commit.py",
        "if not (pending and await self._may_try_again(backoff, until)):",
        "if True:",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "points to what is not in the archive",
        "drain/commit.py",
        "[event for event in events if event.event_id not in not_archived]",
        "events",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "takes an open stream for a proof",
        "drain/subscription.py",
        "            self._pace.proven(opened_at)\n",
        "",
        "tests/unit/test_drain_stream.py tests/unit/test_subscription.py",
    ),
    Mutant(
        "counts quiet on over an outage",
        "drain/pace.py",
        "            self._heard_since = None\n",
        "",
        "tests/unit/test_pace.py",
    ),
    Mutant(
        "takes an ack without an answer for confirmed",
        "adapters/grpc/acker.py",
        'return Failure("NO_MESSAGE", _NOT_ACCEPTED, FailureKind.RETRYABLE)',
        "return None",
        "tests/contract/test_ports_acker.py",
    ),
    Mutant(
        "takes an empty answer for confirmed",
        "adapters/grpc/acker.py",
        "if status == AckStatus.STATUS_CODE_SUCCESS:",
        "if status in {0, AckStatus.STATUS_CODE_SUCCESS}:",
        "tests/contract/test_ports_acker.py",
    ),
    Mutant(
        "takes a gateway's rate limit for an outage",
        "adapters/grpc/acker.py",
        "cause.http_status in _RATE_LIMITED",
        "False",
        "tests/contract/test_ports_acker.py",
    ),
    Mutant(
        "takes a gateway's failure for a missing scope",
        "adapters/grpc/channel.py",
        "if cause := cause_of(details, is_connected=is_connected):",
        "if (cause := cause_of(details, is_connected=is_connected)) and not cause.http_status:",
        "tests/contract/test_grpc_causes.py",
    ),
    Mutant(
        "tries again with a certificate that nobody trusts",
        "adapters/grpc/channel.py",
        "if cause.is_lasting:",
        "if cause.http_status and cause.is_lasting:",
        "tests/contract/test_grpc_causes.py",
    ),
    Mutant(
        "takes a gateway's words for its own connection's",
        "adapters/grpc/causes.py",
        "_NOT_CONNECTED.match(text)",
        "text",
        "tests/contract/test_grpc_causes.py",
    ),
    Mutant(
        "names no cause of a failed run",
        "drain/drain.py",
        "if error.hint), _UNNAMED)",
        "if not error), _UNNAMED)",
        "tests/unit/test_drain_stream.py",
    ),
    Mutant(
        "gives up throttled acks",
        "drain/commit.py",
        "sorted(throttled + failed)",
        "failed",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "confirms acks that were never sent",
        "drain/commit.py",
        "if answer is not _OUT_OF_TIME or results[index] is None:",
        "if answer is not _OUT_OF_TIME:",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "swaps name and text of a token that can't be had",
        "drain/commit.py",
        "        type(error).__name__,\n        error.reason,\n",
        "        error.reason,\n        type(error).__name__,\n",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "trusts any server",
        "adapters/http/crt_http.py",
        "    options.override_default_trust_store(roots)\n",
        "    options.verify_peer = False\n",
        "tests/integration/test_untrusted_servers.py",
    ),
    Mutant(
        "uses a connection again whose call was given up",
        "adapters/http/crt_http.py",
        "            self._close(connection)\n",
        "            self._idle.append(connection)\n",
        "tests/integration/test_signed_http.py",
    ),
    Mutant(
        "gives up a call whose connection closed before it",
        "adapters/http/crt_http.py",
        "except ConnectionClosedError:",
        "except ZeroDivisionError:",
        "tests/integration/test_signed_http.py",
    ),
    Mutant(
        "raises what the Common Runtime raises at once",
        "adapters/http/crt_http.py",
        "        except RuntimeError as error:\n            # Nothing is sent",
        "        except ZeroDivisionError as error:\n            # Nothing is sent",
        "tests/integration/test_signed_http.py",
    ),
    Mutant(
        "waits for the look at a certificate, however long",
        "adapters/http/crt_http.py",
        "                daemon=True,\n            ).start()\n",
        "                daemon=True,\n            ).run()\n",
        "tests/integration/test_untrusted_servers.py",
    ),
    Mutant(
        "trusts less where it looks than where it calls",
        "adapters/http/trust.py",
        "    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN\n",
        "",
        "tests/integration/test_untrusted_servers.py",
    ),
    Mutant(
        "takes a message for taken that SQS names as failed, too",
        "adapters/aws/sqs_publisher.py",
        '_entries(answer, "Successful").keys() - _entries(answer, "Failed").keys()',
        '_entries(answer, "Successful").keys()',
        "tests/contract/test_ports_sink.py",
    ),
    Mutant(
        "ends the run on an answer of another shape",
        "adapters/aws/sqs_publisher.py",
        "if isinstance(entry, dict) and",
        "if",
        "tests/contract/test_odd_answers.py",
    ),
    Mutant(
        "throws away what a bug's drain has taken",
        "drain/drain.py",
        "            except Exception as error:  # noqa: BLE001 - what was taken is committed",
        "            except KeyError as error:  # what was taken is committed",
        "tests/unit/test_drain_end.py",
    ),
    Mutant(
        "throws the report away for a bug",
        "drain/drain.py",
        "commit.result() if bug is None else Outcome.unexpected(bug, size)",
        "commit.result()",
        "tests/unit/test_drain_end.py",
    ),
    Mutant(
        "gives up an ack that failed once",
        "drain/commit.py",
        "_ACK_ATTEMPTS: Final = 5",
        "_ACK_ATTEMPTS: Final = 1",
        "tests/unit/test_commit.py",
    ),
    Mutant(
        "drops the last batch",
        "drain/drain.py",
        "self._inbox.close()\n            self._start_commit()",
        "self._inbox.close()",
        "tests/unit/test_drain_end.py tests/unit/test_drain_properties.py",
    ),
    Mutant(
        "commits one more than the limit",
        "drain/pace.py",
        "min(self._max_in_flight, self._limit - self._committed) - self._uncommitted",
        "min(self._max_in_flight, self._limit - self._committed + 1) - self._uncommitted",
        "tests/unit/test_pace.py tests/unit/test_drain_end.py",
    ),
    Mutant(
        "reads on while the sinks are down",
        "drain/inbox.py",
        "while self._is_closed or len(self._messages) >= self._size:",
        "while self._is_closed:",
        "tests/unit/test_inbox.py",
    ),
    Mutant(
        "renews the token again and again",
        "auth/tokens.py",
        "            self._may_renew = False\n",
        "",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "tells the secret in an error",
        "auth/credentials.py",
        'f"{name} is not a JSON object"',
        'f"{name} is not a JSON object: {secret}"',
        "tests/unit/test_credentials.py",
    ),
    Mutant(
        "gives a redelivery another id",
        "events/delivery.py",
        "event_id(self._event_type, timestamp",
        "event_id(self._event_type + str(metadata.is_redelivered), timestamp",
        "tests/unit/test_delivery.py tests/unit/test_event_id.py",
    ),
    Mutant(
        "loses unknown fields",
        "events/delivery.py",
        "discard_unknown_fields(response)):",
        "False):",
        "tests/unit/test_delivery.py",
    ),
    Mutant(
        "gives different events one key",
        "events/archive.py",
        "_named(stamp, (delivery.event_id for",
        "_named(stamp, (delivery.event_type for",
        "tests/unit/test_archive.py",
    ),
    Mutant(
        "leaves quarantined events without an ack",
        "events/quarantine.py",
        "ack_info, is_redelivered = _text(metadata.ack_info.value), metadata.is_redelivered",
        "is_redelivered = metadata.is_redelivered",
        "tests/unit/test_quarantine.py",
    ),
    Mutant(
        "swallows an error of S3",
        "adapters/aws/s3_archive.py",
        'if code_of(error) == "PreconditionFailed":',
        "if True:",
        "tests/contract/test_ports_sink.py",
    ),
    Mutant(
        "overwrites what is in the archive",
        "adapters/aws/s3_archive.py",
        "            _CREATE_ONLY,\n",
        "",
        "tests/contract/test_ports_sink.py tests/faults/test_s3.py",
    ),
    Mutant(
        "ignores an entry that SQS did not take",
        "adapters/aws/sqs_publisher.py",
        "if str(index) not in taken",
        "if str(index) not in taken and str(index) not in failed",
        "tests/contract/test_ports_sink.py tests/faults/test_sqs.py",
    ),
    Mutant(
        "takes a failed ack for a success",
        "adapters/grpc/acker.py",
        "if status == AckStatus.STATUS_CODE_SUCCESS:",
        "if status != AckStatus.STATUS_CODE_UNSPECIFIED:",
        "tests/contract/test_ports_acker.py",
    ),
    Mutant(
        "opens the stream without a durable queue",
        "drain/stream_request.py",
        "durable_queue=DurableQueue(custom_name=settings.durable_queue_name),",
        "",
        "tests/unit/test_stream_request.py",
    ),
    Mutant(
        "loses events that share a message",
        "events/queue_message.py",
        "[delivery.event_id for delivery in deliveries],",
        "[deliveries[0].event_id],",
        "tests/unit/test_queue_message_several.py tests/contract/test_ports_sink.py",
    ),
    Mutant(
        "makes a message too long for SQS",
        "events/queue_message.py",
        "length += len(delivery.line) + 1",
        "length += 0",
        "tests/unit/test_queue_message_several.py",
    ),
    Mutant(
        "opens one connection, whatever was asked for",
        "drain/drain.py",
        "for _ in range(parallel_streams)",
        "for _ in range(min(1, parallel_streams))",
        "tests/unit/test_drain_parallel.py",
    ),
    Mutant(
        "starts runs without end",
        "drain/start.py",
        "if not report.is_behind or self.backlog_run >= backlog_runs:",
        "if not report.is_behind:",
        "tests/unit/test_handler.py",
    ),
    Mutant(
        "makes an always-on consumer of a lively stream",
        "drain/report.py",
        "return self.last_events_age_seconds > _WAITED_SECONDS",
        "return True",
        "tests/unit/test_report.py",
    ),
    Mutant(
        "sends a stream's events to another queue",
        "settings.py",
        'queue_url.replace("{event_type}", event_type)',
        'queue_url.replace("{event_type}", event_types[0])',
        "tests/unit/test_settings.py",
    ),
    Mutant(
        "lets one missing scope stop all streams",
        "auth/tokens.py",
        "if not self._scope or self._scope in (token.scopes or ()):",
        "if set(self._scopes) <= set(token.scopes or ()):",
        "tests/unit/test_token_scopes.py",
    ),
    Mutant(
        "fails who hears late that the old token is rejected",
        "auth/tokens.py",
        "            if self._token != rejected:\n                return True\n",
        "",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "takes up a rejected token again",
        "auth/tokens.py",
        "self._rejected.add(rejected)",
        "self._rejected = {rejected}",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "uses a token that ends within the window",
        "wiring.py",
        "needed_for=settings.window,",
        "needed_for=settings.linger,",
        "tests/faults/test_secrets_and_tokens.py::test_kept_token_that_is_unusable",
    ),
    Mutant(
        "shows the cached token",
        "auth/cached_token.py",
        "value: str = field(repr=False)",
        "value: str",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "counts a token's lifetime from the answer",
        "adapters/oauth/token_endpoint.py",
        "return asked_at + timedelta(",
        "return datetime.now(UTC) + timedelta(",
        "tests/contract/test_ports_token_endpoint.py",
    ),
    Mutant(
        "takes a token that stands beside an error",
        "adapters/oauth/token_endpoint.py",
        '_TEXTS: Final = ("access_token", "token_type", "error")',
        '_TEXTS: Final = ("access_token", "token_type")',
        "tests/contract/test_ports_token_endpoint.py",
    ),
    Mutant(
        "blames the client for an endpoint that is down",
        "adapters/oauth/token_endpoint.py",
        "or answer.status >= _SERVER_ERROR",
        "or answer.status == _SERVER_ERROR",
        "tests/contract/test_ports_token_endpoint.py",
    ),
    Mutant(
        "drops the query of the token endpoint",
        "adapters/oauth/token_endpoint.py",
        'f"?{address.query}" if address.query else ""',
        '""',
        "tests/contract/test_ports_token_endpoint.py",
    ),
    Mutant(
        "does not say that tokens are too short-lived",
        "auth/tokens.py",
        "        self._on_short_token()\n",
        "",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "shows a key that may be a secret",
        "auth/credentials.py",
        "for key in surplus if _HARMLESS_KEY.fullmatch(key)]",
        "for key in surplus]",
        "tests/unit/test_credentials.py",
    ),
    Mutant(
        "sends tokens in the clear to anybody",
        "settings.py",
        'if parts.scheme == "http" and not _is_loopback(host):',
        "if False:",
        "tests/unit/test_settings.py",
    ),
    Mutant(
        "leaves a person's number in the clear",
        "events/message_pseudonyms.py",
        "            texts.append((field.name, kind))",
        '            texts += [(field.name, kind)] if kind != "number" else []',
        "tests/unit/test_message_pseudonyms.py",
    ),
    Mutant(
        "lets an id be tried that is made of what has no pseudonym",
        "events/message_pseudonyms.py",
        "return self._pseudonyms.event_part(content), has_unknown",
        "return content, has_unknown",
        "tests/unit/test_message_pseudonyms.py",
    ),
    Mutant(
        "lets the id of a message in quarantine be tried",
        "events/quarantine.py",
        "if pseudonyms is not None:",
        "if False:",
        "tests/unit/test_message_pseudonyms.py",
    ),
    Mutant(
        "loses what has no pseudonym",
        "adapters/aws/s3_archive.py",
        "            if refused is not None:\n                return refused\n",
        "",
        "tests/unit/test_s3_archive.py",
    ),
    Mutant(
        "changes all pseudonyms of a key as long as the stack's",
        "events/pseudonyms.py",
        "len(key) <= _BLOCK",
        "len(key) < _BLOCK",
        "tests/unit/test_pseudonyms.py",
    ),
    Mutant(
        "takes blanks for a part of the pseudonyms' key",
        "auth/pseudonym_key.py",
        "    key = secret_text(key)\n",
        "",
        "tests/unit/test_pseudonyms.py",
    ),
    Mutant(
        "leaves the parts of a message with a personal text in the clear",
        "events/message_pseudonyms.py",
        "if len(texts) == 1 and not parts:",
        "if len(texts) == 1:",
        "tests/unit/test_message_pseudonyms.py",
    ),
    Mutant(
        "looks for personal fields without end",
        "events/message_pseudonyms.py",
        "    if message.full_name in within:\n        return\n",
        "",
        "tests/unit/test_message_pseudonyms.py",
    ),
    Mutant(
        "maps a wrapped text as if it were a message",
        "events/json_mapping.py",
        "descriptor.file.package == _SPECIAL or ",
        "",
        "tests/unit/test_json_mapping.py",
    ),
    Mutant(
        "compiles a message within itself without end",
        "events/json_mapping.py",
        " or descriptor.full_name in within",
        "",
        "tests/unit/test_json_mapping.py",
    ),
    Mutant(
        "fails on a cached token that is nested too deeply",
        "auth/cached_token.py",
        ", RecursionError",
        "",
        "tests/unit/test_tokens.py",
    ),
    Mutant(
        "receives during the last commit",
        "drain/drain.py",
        "            self._inbox.close()\n",
        "",
        "tests/unit/test_drain_end.py",
    ),
    Mutant(
        "holds any number of events unread",
        "wiring.py",
        "inbox_size=in_flight,",
        "inbox_size=10**9,",
        "tests/unit/test_wiring.py",
    ),
    Mutant(
        "opens a stream during the last commit",
        "drain/subscription.py",
        "            await asyncio.sleep(wait)\n            await self._inbox.has_room()\n",
        "            await asyncio.sleep(wait)\n",
        "tests/unit/test_drain_end.py",
    ),
    Mutant(
        "waits for room without ever letting anybody make it",
        "drain/inbox.py",
        "            self._taken.clear()\n",
        "",
        "tests/unit/test_inbox.py",
    ),
    Mutant(
        "logs a run under the last one's stream",
        "../../../functions/drain_events/app.py",
        "(clear_state=True)",
        "(clear_state=False)",
        "tests/unit/test_handler.py",
    ),
    Mutant(
        "leaves a connection open behind a run that had no room",
        "adapters/grpc/source.py",
        "                    continue\n",
        "                    return\n",
        "tests/contract/test_ports_event_source.py",
    ),
)


@click.command("mutants", cls=MakeCommand, help=__doc__)
@click.option("--only", default="", help="Those whose name has this in it.")
def main(only: str) -> None:
    """Try the mutants."""
    console = Console(highlight=False)
    mutants = [mutant for mutant in MUTANTS if only in mutant.name]
    if not mutants:
        raise click.BadParameter(f"no mutant has {only!r} in its name", param_hint="--only")
    if _is_killed(_unchanged(mutants)):
        console.print("The tests fail on the engine as it is: that has to be mended first.")
        sys.exit(1)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        results = zip(mutants, threads.map(_is_killed, mutants), strict=True)
        survivors = []
        for mutant, is_killed in results:
            console.print(f"{'killed  ' if is_killed else 'SURVIVED'}  {mutant.name}")
            if not is_killed:
                survivors.append(mutant)
    console.print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants were killed.")
    sys.exit(bool(survivors))


def _unchanged(mutants: Sequence[Mutant]) -> Mutant:
    """Give a mutant that breaks nothing, with the tests of all the others."""
    tests = dict.fromkeys(name for mutant in mutants for name in mutant.tests.split())
    return Mutant("nothing", "__init__.py", "Drains a", "Drains a", " ".join(tests))


def _is_killed(mutant: Mutant) -> bool:
    """Run a mutant's tests in a copy of the tree.

    Raises:
        ValueError: Its text is not in the module, or not just once.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            source = PROJECT_FOLDER / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        for environment in PROJECT_FOLDER.glob(".venv*"):
            (copy / environment.name).symlink_to(environment)
        module = copy / ENGINE / mutant.module
        text = module.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: its text stands {text.count(mutant.old)} times")
        module.write_text(text.replace(mutant.old, mutant.new))
        tests = run_child(
            [
                *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
                *mutant.tests.split(),
            ],
            folder=copy,
            seconds=_LONGEST_SECONDS,
            is_merged=True,
        )
    # 1: tests failed. Anything else is no kind: nothing was collected, or pytest broke.
    if tests.returncode not in {0, 1}:
        raise ValueError(f"{mutant.name}: pytest ended with {tests.returncode}:\n{tests.stdout}")
    return tests.returncode == 1


if __name__ == "__main__":
    main()
