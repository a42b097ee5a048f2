"""What the errors of AWS services mean for an event."""

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

MAY_PASS: Final = frozenset(
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
"""Codes that come with a 4xx status although the same call may succeed. All 5xx and 429 may."""

DENIED: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)", re.ASCII)
"""The action in AWS's text about a call that isn't allowed. It may be another than the one that was
called: ``kms:GenerateDataKey`` for an object that is encrypted."""

OUT_OF_TIME: Final = re.compile(r"Signature (?:expired|not\s+yet\s+current)", re.ASCII)
"""How AWS says that the caller's clock is wrong, under codes that may also mean a wrong key."""
_CLOCK: Final = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
_SIGNATURE: Final = frozenset({"AuthFailure", "InvalidSignatureException", "SignatureDoesNotMatch"})

UNUSABLE: Final = (
    *(ResponseParserError, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError),
    *(TypeError, ValueError),
)
"""What botocore raises for an answer that is not of the shape that the service's model has."""

_CODE: Final = re.compile(r"(HTTP )?[\w.:-]{1,100}", re.ASCII)
_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429


def code_of(error: Exception) -> str:
    """Give the error's code as the service names it, or the name of our side's error."""
    if isinstance(error, ClientError):
        return as_code(error.response["Error"].get("Code"))
    return type(error).__name__


def as_code(code: object) -> str:
    """Return a code that a service gave; ``Unknown`` for what is none, which may be anything."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "Unknown"


def describe(error: Exception) -> str:
    """Give the error's code and its cause, as far as that is known: fit to be logged."""
    code = code_of(error)
    if isinstance(error, exceptions.SSLError):
        if problem := _certificate_problem(error):
            return f"{code} (the server's certificate is not trusted: {problem})"
        return f"{code} (no TLS with the endpoint; if AWS_CA_BUNDLE is set, check it)"
    if not isinstance(error, ClientError):
        return code
    if problem := _signature_problem(error):
        return f"{code} ({problem})"
    denied = DENIED.search(_message(error))
    return f"{code} ({denied[1]} is not allowed)" if denied else code


def hint_for(error: Exception, otherwise: str) -> str:
    """Return what to do about an error, as a clause.

    Args:
        error: What botocore raised.
        otherwise: What to do if its cause is not one that has the same remedy in all calls.
    """
    if isinstance(error, exceptions.SSLError) and _certificate_problem(error):
        return (
            "check the endpoint's host name (AWS_ENDPOINT_URL), this machine's clock, and whether a"
            " proxy on the way replaces certificates: if so, set AWS_CA_BUNDLE to a file with the"
            " proxy's authority"
        )
    if isinstance(error, ClientError) and _signature_problem(error):
        return (
            "set the clock of the machine that calls AWS, by NTP; if it is right, check the AWS"
            " credentials"
        )
    return otherwise


def _certificate_problem(error: exceptions.SSLError) -> str:
    """Return why a server's certificate is not trusted, in OpenSSL's words; empty if it may be."""
    if isinstance(error, UntrustedCertificate):
        return error.problem
    # urllib3's, around the ssl module's or its own about the name.
    args = getattr(error.kwargs.get("error"), "args", ())
    cause = args[0] if args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".")
    return "Hostname mismatch" if isinstance(cause, CertificateError) else ""


def _signature_problem(error: ClientError) -> str:
    """Return why a call's signature is not accepted; empty where the error is another."""
    code = code_of(error)
    if code in _CLOCK or OUT_OF_TIME.search(_message(error)):
        return "this machine's clock is wrong"
    return "this machine's clock or its AWS credentials are wrong" if code in _SIGNATURE else ""


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message"))


def may_pass(error: Exception) -> bool:
    """Return whether the same call may succeed later without anybody's doing.

    What is neither botocore's nor the service's error is about an answer of an odd shape.
    """
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS or code_of(error) in MAY_PASS
    if not isinstance(error, BotoCoreError):
        return True
    return isinstance(
        error, exceptions.HTTPClientError | exceptions.ConnectionError
    ) and not isinstance(error, UntrustedCertificate | UnsendableRequest)


def failure(error: Exception, *, action: str, hint: str) -> Failure:
    """Tell what an error means for all events of the call that it ended.

    Of the service's own text only the action is repeated that is not allowed: it may quote what
    was sent.

    Args:
        error: What botocore raised: one of its own, or of ``UNUSABLE``.
        action: What was tried, e.g. ``s3:PutObject to the bucket b``.
        hint: What to do if it won't pass by itself.
    """
    code = code_of(error)
    if may_pass(error):
        return Failure(code, f"{action} failed with {code}", FailureKind.RETRYABLE)
    message = f"{action} failed with {describe(error)}"
    return Failure(code, message, FailureKind.FATAL, hint=hint_for(error, hint))
