"""Conversion of AWS errors to failures, with texts that are safe to log."""

from __future__ import annotations

import re
import ssl
from typing import Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.util.ssl_match_hostname import CertificateError

from eventdrain.adapters.http import UnsendableRequest, UntrustedCertificate
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

MALFORMED_RESPONSE_ERRORS: Final = (
    *(ResponseParserError, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError),
    *(TypeError, ValueError),
)
"""What botocore raises if a response does not match the service's model."""

_CODE: Final = re.compile(r"(HTTP )?[\w.:-]{1,100}", re.ASCII)
_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429


def error_code(error: Exception) -> str:
    """Return the service's error code, or the type's name for an error on the client's side."""
    if isinstance(error, ClientError):
        return safe_code(error.response["Error"].get("Code"))
    return type(error).__name__


def safe_code(code: object) -> str:
    """Return a service's error code, or ``Unknown`` if it does not look like a code."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "Unknown"


def describe_error(error: Exception) -> str:
    """Return the error's code and, if known, its cause. The text is safe to log."""
    code = error_code(error)
    if isinstance(error, exceptions.SSLError):
        if problem := _certificate_problem(error):
            return f"{code} (the server's certificate is not trusted: {problem})"
        return f"{code} (the TLS handshake failed; if AWS_CA_BUNDLE is set, check it)"
    if not isinstance(error, ClientError):
        return code
    if problem := _signature_problem(error):
        return f"{code} ({problem})"
    denied = DENIED_ACTION.search(_message(error))
    return f"{code} ({denied[1]} is not allowed)" if denied else code


def error_hint(error: Exception, default: str) -> str:
    """Return the hint for an error.

    Args:
        error: The error that botocore raised.
        default: The hint unless the cause is a certificate or a signature.
    """
    if isinstance(error, exceptions.SSLError) and _certificate_problem(error):
        return (
            "check the endpoint's host name (AWS_ENDPOINT_URL) and this machine's clock; if a proxy"
            " replaces certificates, set AWS_CA_BUNDLE to a file with the proxy's root certificate"
        )
    if isinstance(error, ClientError) and _signature_problem(error):
        return (
            "synchronise this machine's clock by NTP; if the clock is right, check the AWS"
            " credentials"
        )
    return default


def _certificate_problem(error: exceptions.SSLError) -> str:
    """Return OpenSSL's reason if the certificate is not trusted, otherwise an empty string."""
    if isinstance(error, UntrustedCertificate):
        return error.problem
    # urllib3 wraps the ssl module's error, or its own error about the host name.
    args = getattr(error.kwargs.get("error"), "args", ())
    cause = args[0] if args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".")
    return "Hostname mismatch" if isinstance(cause, CertificateError) else ""


def _signature_problem(error: ClientError) -> str:
    """Return why a signature was rejected; empty if the error has another cause."""
    code = error_code(error)
    if code in _CLOCK or CLOCK_SKEW.search(_message(error)):
        return "this machine's clock is wrong"
    return "this machine's clock or its AWS credentials are wrong" if code in _SIGNATURE else ""


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message"))


def is_retryable(error: Exception) -> bool:
    """Return whether a retry may succeed.

    Errors that are neither the service's nor botocore's own mean a malformed response, which is
    retryable.
    """
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return (
            status >= _SERVER_ERROR
            or status == _TOO_MANY_REQUESTS
            or error_code(error) in RETRYABLE_CODES
        )
    if not isinstance(error, BotoCoreError):
        return True
    return isinstance(
        error, exceptions.HTTPClientError | exceptions.ConnectionError
    ) and not isinstance(error, UntrustedCertificate | UnsendableRequest)


def failure_from(error: Exception, *, action: str, hint: str) -> Failure:
    """Return the failure for all events of a call.

    Of the service's own text, only a denied action is repeated: the rest may quote the request.

    Args:
        error: The error that botocore raised, or one of ``MALFORMED_RESPONSE_ERRORS``.
        action: What failed, such as ``s3:PutObject to the bucket b``.
        hint: The hint if the failure is permanent.
    """
    code = error_code(error)
    if is_retryable(error):
        return Failure(code, f"{action} failed with {code}", FailureKind.RETRYABLE)
    message = f"{action} failed with {describe_error(error)}"
    return Failure(code, message, FailureKind.FATAL, hint=error_hint(error, hint))
