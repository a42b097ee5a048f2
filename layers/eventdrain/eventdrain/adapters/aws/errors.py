"""Conversion of AWS errors to failures, with texts that are safe to log."""

from __future__ import annotations

import re
from typing import Final

from eventdrain.adapters.http import (
    HTTPClientError,
    SSLError,
    UnsendableRequest,
    UntrustedCertificate,
)
from eventdrain.errors import Failure, FailureKind

RETRYABLE_CODES: Final = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "KMS.ThrottlingException",
        "KmsThrottled",
        "OperationAborted",
        "OverLimit",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "TemporaryRedirect",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Retryable codes that have a 4xx status. All calls with status 5xx or 429 are retryable too."""

DENIED_ACTION: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)", re.ASCII)
"""The denied action in an AWS error message. It may differ from the action that was called, such as
``kms:GenerateDataKey`` for an encrypted object."""

CLOCK_SKEW: Final = re.compile(r"Signature (?:expired|not\s+yet\s+current)", re.ASCII)
"""The error message for a wrong clock. Its codes may also mean a wrong secret key."""
_CLOCK: Final = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
_SIGNATURE: Final = frozenset({"AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"})

_CODE: Final = re.compile(r"(HTTP )?[\w.:-]{1,100}", re.ASCII)
_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429


class ServiceError(Exception):
    """A service returned an error.

    Attributes:
        code: The service's error code.
        status: The HTTP status.
        message: The part of the service's text from which the cause is read; may be empty. Not safe
            to log.
    """

    def __init__(self, code: object, *, status: int, message: str = "") -> None:
        super().__init__(safe_code(code))
        self.code = safe_code(code)
        self.status = status
        self.message = message


def error_code(error: Exception) -> str:
    """Return the service's error code, or the type's name for an error on the client's side."""
    return error.code if isinstance(error, ServiceError) else type(error).__name__


def safe_code(code: object) -> str:
    """Return a service's error code, or ``Unknown`` if it does not look like a code."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "Unknown"


def describe_error(error: Exception) -> str:
    """Return the error's code and, if known, its cause. The text is safe to log."""
    code = error_code(error)
    if isinstance(error, SSLError):
        if error.problem:
            return f"{code} (the server's certificate is not trusted: {error.problem})"
        return f"{code} (the TLS handshake failed; if AWS_CA_BUNDLE is set, check it)"
    if isinstance(error, HTTPClientError) and _CODE.fullmatch(error.cause):
        return f"{code} ({error.cause})"
    if not isinstance(error, ServiceError):
        return code
    if problem := _signature_problem(error):
        return f"{code} ({problem})"
    denied = DENIED_ACTION.search(error.message)
    return f"{code} ({denied[1]} is not allowed)" if denied else code


def error_hint(error: Exception, default: str) -> str:
    """Return the hint for an error.

    Args:
        error: The error of the call.
        default: The hint unless the cause is a certificate, a signature or the network.
    """
    if isinstance(error, SSLError) and error.problem:
        return (
            "check the endpoint's host name (AWS_ENDPOINT_URL) and this machine's clock; if a proxy"
            " replaces certificates, set AWS_CA_BUNDLE to a file with the proxy's root certificate"
        )
    if isinstance(error, HTTPClientError) and not isinstance(error, SSLError | UnsendableRequest):
        return (
            "check the network: in a VPC, the service needs an endpoint or a NAT gateway, and the"
            " security group must let the function call it"
        )
    if isinstance(error, ServiceError) and _signature_problem(error):
        return (
            "synchronise this machine's clock by NTP; if the clock is right, check the AWS"
            " credentials"
        )
    return default


def _signature_problem(error: ServiceError) -> str:
    """Return why a signature was rejected; empty if the error has another cause."""
    code = error_code(error)
    if code in _CLOCK or CLOCK_SKEW.search(error.message):
        return "this machine's clock is wrong"
    return "this machine's clock or its AWS credentials are wrong" if code in _SIGNATURE else ""


def is_retryable(error: Exception) -> bool:
    """Return whether a retry may succeed.

    Errors of other types mean a malformed response, which is retryable.
    """
    if isinstance(error, ServiceError):
        return (
            error.status >= _SERVER_ERROR
            or error.status == _TOO_MANY_REQUESTS
            or error.code in RETRYABLE_CODES
        )
    return not isinstance(error, UntrustedCertificate | UnsendableRequest)


def failure_from(error: Exception, *, action: str, hint: str) -> Failure:
    """Return the failure for all events of a call.

    Of the service's own text, only a denied action is repeated: the rest may quote the request.

    Args:
        error: The error of the call.
        action: What failed, such as ``s3:PutObject to the bucket b``.
        hint: The hint if the failure is permanent.
    """
    code = error_code(error)
    if is_retryable(error):
        return Failure(code, f"{action} failed with {code}", FailureKind.RETRYABLE)
    message = f"{action} failed with {describe_error(error)}"
    return Failure(code, message, FailureKind.FATAL, hint=error_hint(error, hint))
