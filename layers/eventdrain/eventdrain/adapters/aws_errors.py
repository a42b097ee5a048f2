"""What the errors of AWS services mean for an event."""

from __future__ import annotations

import re
from typing import Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from eventdrain.adapters.trust import UntrustedCertificate
from eventdrain.ports import Refusal, Verdict

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

UNUSABLE: Final = (ResponseParserError, AttributeError, LookupError, TypeError, ValueError)
"""What botocore raises for an answer that is not of the shape that the service's model has."""

_CODE: Final = re.compile(r"[\w.:-]{1,100}", re.ASCII)
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


def told(error: Exception) -> str:
    """Give the error's code and its cause, as far as that is known: fit to be logged."""
    code = code_of(error)
    if isinstance(error, UntrustedCertificate):
        return f"{code} ({error.problem})"
    if isinstance(error, exceptions.SSLError):
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
    if isinstance(error, UntrustedCertificate):
        return "check the endpoint, this machine's clock, and AWS_CA_BUNDLE if it is set"
    if isinstance(error, ClientError) and _signature_problem(error):
        return (
            "set the clock of the machine that calls AWS, by NTP; if it is right, check the AWS"
            " credentials"
        )
    return otherwise


def _signature_problem(error: ClientError) -> str:
    """Return why a call's signature is not accepted; empty where the error is another."""
    code = code_of(error)
    if code in _CLOCK or OUT_OF_TIME.search(_message(error)):
        return "this machine's clock is wrong"
    return "this machine's clock or its AWS credentials are wrong" if code in _SIGNATURE else ""


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message"))


def may_pass(error: BotoCoreError | ClientError) -> bool:
    """Tell whether the same call may succeed later without anybody's doing."""
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status >= _SERVER_ERROR or status == _TOO_MANY_REQUESTS or code_of(error) in MAY_PASS
    return isinstance(
        error, exceptions.HTTPClientError | exceptions.ConnectionError
    ) and not isinstance(error, UntrustedCertificate)


def refusal(error: BotoCoreError | ClientError, *, action: str, cure: str) -> Refusal:
    """Tell what an error means for all events of the call that it ended.

    Of the service's own text only the action is repeated that is not allowed: it may quote what
    was sent.

    Args:
        error: What botocore raised.
        action: What was tried, e.g. ``s3:PutObject to the bucket b``.
        cure: What to do if it won't pass by itself.
    """
    code = code_of(error)
    if may_pass(error):
        return Refusal(code, f"{action} failed with {code}", Verdict.TRY_AGAIN)
    message = f"{action} failed with {told(error)}"
    return Refusal(code, message, Verdict.END_RUN, hint=hint_for(error, cure))
