from __future__ import annotations

from typing import Any, Final

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from eventdrain.adapters.aws import code_of, failure, may_pass
from eventdrain.adapters.http import UnsendableRequest, UntrustedCertificate, certificate_problem
from eventdrain.errors import FailureKind

ACTION: Final = "s3:PutObject to the bucket made-up"
HINT: Final = "check the made-up"
SENT: Final = "made-up-content"
URL: Final[dict[str, Any]] = {"endpoint_url": "https://made-up.example", "error": "made up"}


def answer(code: str, status: int) -> ClientError:
    """Make the error of a service's answer, which quotes what was sent."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": f"can't take {SENT}"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item] # all that counts
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalError", 500),
        ("ServiceUnavailable", 503),
        ("503", 503),
        ("TooManyRequests", 429),
        ("SlowDown", 400),
        ("ConditionalRequestConflict", 409),
        ("OperationAborted", 409),
        ("RequestTimeout", 400),
        ("RequestThrottled", 403),
        ("Throttling", 400),
        ("ThrottlingException", 400),
        ("TooManyRequestsException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("KMS.ThrottlingException", 400),
        ("KmsThrottled", 400),
        ("BadDigest", 400),
        ("TemporaryRedirect", 307),
        ("OverLimit", 403),
    ],
)
def test_answer_that_may_pass(code: str, status: int) -> None:
    """A service that is busy or broken is tried again."""
    refused = failure(answer(code, status), action=ACTION, hint=HINT)

    assert refused.kind is FailureKind.RETRYABLE
    assert refused.code == code
    assert refused.message == f"{ACTION} failed with {code}"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("NoSuchBucket", 404),
        ("AWS.SimpleQueueService.NonExistentQueue", 400),
        ("ExpiredToken", 400),
        ("KMS.DisabledException", 400),
        ("InvalidRequest", 400),
        ("PermanentRedirect", 301),
        ("MadeUp", 418),
    ],
)
def test_answer_that_ends_the_run(code: str, status: int) -> None:
    """What an operator must mend ends the run, and is told with the hint."""
    refused = failure(answer(code, status), action=ACTION, hint=HINT)

    assert refused.kind is FailureKind.FATAL
    assert (refused.message, refused.hint) == (f"{ACTION} failed with {code}", HINT)
    assert str(refused) == f"{ACTION} failed with {code}. To fix this, {HINT}."


@pytest.mark.parametrize("denied", ["s3:PutObject", "kms:GenerateDataKey", "sqs:sendmessage"])
def test_missing_right_is_named(denied: str) -> None:
    """Where AWS says which action isn't allowed, so does the error, and repeats nothing else."""
    role = "arn:aws:sts::000000000000:assumed-role/made-up/made-up"
    text = f"User: {role} is not authorized to perform: {denied} on resource: arn:aws:{SENT}"
    error = ClientError(
        {
            "Error": {"Code": "AccessDenied", "Message": text},
            "ResponseMetadata": {"HTTPStatusCode": 403},  # type: ignore[typeddict-item] # all that counts
        },
        "PutObject",
    )

    refused = failure(error, action=ACTION, hint=HINT)

    assert refused.code == "AccessDenied", "what is counted by code stays few"
    assert refused.message == f"{ACTION} failed with AccessDenied ({denied} is not allowed)"


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        ("RequestTimeTooSkewed", "made up", "clock is wrong"),
        ("RequestExpired", "", "clock is wrong"),
        ("RequestInTheFuture", "", "clock is wrong"),
        ("InvalidSignatureException", "Signature expired: 20260101T000000Z", "clock is wrong"),
        ("SignatureDoesNotMatch", "Signature not  yet current: 2030", "clock is wrong"),
        ("AuthFailure", "Signature expired: 20260101T000000Z", "clock is wrong"),
        ("SignatureDoesNotMatch", "check your key", "clock or its AWS credentials are wrong"),
        ("InvalidSignatureException", "", "clock or its AWS credentials are wrong"),
        ("AuthFailure", "made up", "clock or its AWS credentials are wrong"),
    ],
)
def test_wrong_clock_is_named(code: str, text: str, cause: str) -> None:
    """A signature that is out of its time is no matter of buckets, roles and keys."""
    error = answer(code, 403)
    error.response["Error"]["Message"] = text

    refused = failure(error, action=ACTION, hint=HINT)

    assert refused.kind is FailureKind.FATAL
    assert refused.message == f"{ACTION} failed with {code} (this machine's {cause})"
    assert "clock" in refused.hint
    assert HINT not in refused.hint


@pytest.mark.parametrize("status", [400, 503])
def test_service_is_not_quoted(status: int) -> None:
    """The service's own text, which may quote what was sent, is not repeated."""
    assert SENT not in repr(failure(answer("MadeUp", status), action=ACTION, hint=HINT))


@pytest.mark.parametrize(
    "error",
    [
        exceptions.EndpointConnectionError(**URL),
        exceptions.ConnectTimeoutError(**URL),
        exceptions.ProxyConnectionError(proxy_url="x", **URL),
        exceptions.SSLError(**URL),
        exceptions.ConnectionClosedError(**URL),
        exceptions.ReadTimeoutError(**URL),
        exceptions.HTTPClientError(**URL),
    ],
    ids=lambda error: type(error).__name__,
)
def test_connection_that_fails(error: BotoCoreError) -> None:
    """A service that can't be reached is tried again, as one that answers that it is busy."""
    refused = failure(error, action=ACTION, hint=HINT)

    assert may_pass(error)
    assert refused.kind is FailureKind.RETRYABLE
    assert refused.code == code_of(error) == type(error).__name__


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoCredentialsError(),
        exceptions.NoRegionError(),
        exceptions.ParamValidationError(report=SENT),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_of_our_side(error: BotoCoreError) -> None:
    """What is missing on our side ends the run, and is told by its name alone."""
    refused = failure(error, action=ACTION, hint=HINT)

    assert refused.kind is FailureKind.FATAL
    assert refused.code == type(error).__name__
    assert SENT not in repr(refused)


@pytest.mark.parametrize(
    "error",
    [UntrustedCertificate("https://made-up.example", "made up"), UnsendableRequest(error="x")],
)
def test_call_that_no_retry_helps(error: BotoCoreError) -> None:
    """What stays as it is ends the run: a certificate, a request that can't be sent."""
    assert failure(error, action=ACTION, hint=HINT).kind is FailureKind.FATAL


@pytest.mark.parametrize(
    "error", [ResponseParserError(SENT), ValueError(SENT), RecursionError(SENT)]
)
def test_answer_of_an_odd_shape(error: Exception) -> None:
    """What botocore can't read may be a gateway's page: it is tried again, and not quoted."""
    refused = failure(error, action=ACTION, hint=HINT)

    assert refused.kind is FailureKind.RETRYABLE
    assert refused.code == type(error).__name__
    assert SENT not in repr(refused)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("HTTP 502", "HTTP 502"), ("A.b:C-d", "A.b:C-d"), (f"a {SENT}", "Unknown"), (7, "Unknown")],
)
def test_code_is_a_code(code: Any, expected: str) -> None:
    """What stands in a code's place and is none may be anything, and is not repeated."""
    assert code_of(answer(code, 400)) == expected


def test_answer_without_a_code() -> None:
    """An answer that names no code is told as such."""
    error = ClientError(
        {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 502}},  # type: ignore[typeddict-item] # all that counts
        "PutObject",
    )

    assert failure(error, action=ACTION, hint=HINT).code == "Unknown"


def test_host_that_can_t_be_one_has_no_certificate() -> None:
    """A name that no host can have is no problem of a certificate; who calls names the setting."""
    assert certificate_problem(f"{'a' * 64}.example", 443, b"") is None
