from __future__ import annotations

from typing import Any, Final

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from eventdrain.adapters import aws
from eventdrain.adapters.aws import ServiceError
from eventdrain.adapters.boto import error_code, failure_from
from eventdrain.adapters.http import (
    ConnectionClosedError,
    HTTPClientError,
    MalformedResponse,
    ReadTimeoutError,
    SSLError,
    UnsendableRequest,
    UntrustedCertificate,
    certificate_problem,
)
from eventdrain.errors import FailureKind

ACTION: Final = "s3:PutObject to the bucket made-up"
HINT: Final = "check the made-up"
SENT: Final = "made-up-content"
URL: Final[dict[str, Any]] = {"endpoint_url": "https://made-up.example", "error": "made up"}


def answer(code: str, status: int) -> ClientError:
    """Return the error of a service's answer, whose text repeats the request."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": f"can't take {SENT}"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item] # all that counts
        },
        "PutObject",
    )


@pytest.mark.parametrize(
    ("status", "codes", "kind"),
    [
        (500, "InternalError", "RETRYABLE"),
        (503, "ServiceUnavailable 503", "RETRYABLE"),
        (429, "TooManyRequests", "RETRYABLE"),
        (409, "ConditionalRequestConflict OperationAborted", "RETRYABLE"),
        (403, "RequestThrottled OverLimit", "RETRYABLE"),
        (400, "SlowDown RequestTimeout Throttling ThrottlingException", "RETRYABLE"),
        (400, "TooManyRequestsException RequestLimitExceeded BadDigest", "RETRYABLE"),
        (400, "ProvisionedThroughputExceededException", "RETRYABLE"),
        (400, "KMS.ThrottlingException KmsThrottled", "RETRYABLE"),
        (307, "TemporaryRedirect", "RETRYABLE"),
        (403, "AccessDenied", "FATAL"),
        (404, "NoSuchBucket", "FATAL"),
        (400, "AWS.SimpleQueueService.NonExistentQueue ExpiredToken", "FATAL"),
        (400, "KMS.DisabledException InvalidRequest", "FATAL"),
        (301, "PermanentRedirect", "FATAL"),
        (418, "MadeUp", "FATAL"),
    ],
)
def test_answer(status: int, codes: str, kind: str) -> None:
    """A busy or failing service is retryable; an error that an operator must fix has a hint."""
    for code in codes.split():
        refused = failure_from(answer(code, status), action=ACTION, hint=HINT)
        error = ServiceError(code, status=status, message=f"can't take {SENT}")
        assert aws.failure_from(error, action=ACTION, hint=HINT) == refused

        assert refused.kind is FailureKind[kind]
        assert refused.code == code
        assert refused.message == f"{ACTION} failed with {code}"
        assert SENT not in repr(refused)
        if refused.kind is FailureKind.FATAL:
            assert str(refused) == f"{ACTION} failed with {code}. To fix this, {HINT}."


@pytest.mark.parametrize("denied", ["s3:PutObject", "kms:GenerateDataKey", "sqs:sendmessage"])
def test_missing_right_is_named(denied: str) -> None:
    """The error names the action that isn't allowed, and repeats nothing else of AWS's text."""
    role = "arn:aws:sts::000000000000:assumed-role/made-up/made-up"
    text = f"User: {role} is not authorized to perform: {denied} on resource: arn:aws:{SENT}"
    error = ClientError(
        {
            "Error": {"Code": "AccessDenied", "Message": text},
            "ResponseMetadata": {"HTTPStatusCode": 403},  # type: ignore[typeddict-item] # all that counts
        },
        "PutObject",
    )
    refused = failure_from(error, action=ACTION, hint=HINT)
    assert refused.code == "AccessDenied", "codes in counts stay few"
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
    """An expired signature is reported as a wrong clock, not as a wrong permission."""
    error = answer(code, 403)
    error.response["Error"]["Message"] = text
    refused = failure_from(error, action=ACTION, hint=HINT)
    assert refused.kind is FailureKind.FATAL
    assert refused.message == f"{ACTION} failed with {code} (this machine's {cause})"
    assert "clock" in refused.hint
    assert HINT not in refused.hint


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.EndpointConnectionError(**URL), "RETRYABLE"),
        (exceptions.ConnectTimeoutError(**URL), "RETRYABLE"),
        (exceptions.ProxyConnectionError(proxy_url="x", **URL), "RETRYABLE"),
        (exceptions.SSLError(**URL), "RETRYABLE"),
        (exceptions.ConnectionClosedError(**URL), "RETRYABLE"),
        (exceptions.ReadTimeoutError(**URL), "RETRYABLE"),
        (exceptions.HTTPClientError(**URL), "RETRYABLE"),
        # An answer that botocore can't parse may be a gateway's page.
        (ResponseParserError(SENT), "RETRYABLE"),
        (ValueError(SENT), "RETRYABLE"),
        (RecursionError(SENT), "RETRYABLE"),
        (exceptions.NoCredentialsError(), "FATAL"),
        (exceptions.NoRegionError(), "FATAL"),
        (exceptions.ParamValidationError(report=SENT), "FATAL"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_call_without_an_answer(error: Exception, kind: str) -> None:
    """An unreachable service is retryable; an error on our side is not."""
    refused = failure_from(error, action=ACTION, hint=HINT)
    assert refused.kind is FailureKind[kind]
    assert SENT not in repr(refused)
    assert refused.code == type(error).__name__


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (HTTPClientError("made up"), "RETRYABLE"),
        (ConnectionClosedError(), "RETRYABLE"),
        (ReadTimeoutError(), "RETRYABLE"),
        (SSLError(), "RETRYABLE"),
        (MalformedResponse(), "RETRYABLE"),
        (UntrustedCertificate("made up"), "FATAL"),
        (UnsendableRequest("made up"), "FATAL"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_call_of_the_drain_without_an_answer(error: Exception, kind: str) -> None:
    """The same holds for the drain's own calls, whose errors have botocore's names."""
    refused = aws.failure_from(error, action=ACTION, hint=HINT)
    assert refused.kind is FailureKind[kind]
    assert refused.code == type(error).__name__


def test_network_is_named() -> None:
    """If there is no answer, neither the role nor the secret is blamed."""
    error = HTTPClientError("AWS_IO_DNS_INVALID_NAME")
    assert aws.describe_error(error) == "HTTPClientError (AWS_IO_DNS_INVALID_NAME)"
    for each in (error, ReadTimeoutError(), ConnectionClosedError()):
        assert "check the network" in aws.error_hint(each, HINT)
    assert aws.describe_error(HTTPClientError(f"a {SENT}")) == "HTTPClientError"
    assert aws.error_hint(UnsendableRequest("made up"), HINT) == HINT


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("HTTP 502", "HTTP 502"),
        ("A.b:C-d", "A.b:C-d"),
        (f"a {SENT}", "Unknown"),
        (7, "Unknown"),
        (None, "Unknown"),
    ],
)
def test_code_is_a_code(code: Any, expected: str) -> None:
    """A code that isn't in the form of one may be anything, and is not repeated."""
    assert error_code(answer(code, 400)) == expected


def test_host_that_can_t_be_one_has_no_certificate() -> None:
    """An invalid host name is not reported as a certificate problem."""
    assert certificate_problem(f"{'a' * 64}.example", 443, b"") is None
