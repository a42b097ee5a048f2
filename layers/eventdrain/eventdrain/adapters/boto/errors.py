"""The errors of boto3 calls, described as those of the other AWS calls; see ``adapters.aws``."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.util.ssl_match_hostname import CertificateError

from eventdrain.adapters import aws
from eventdrain.adapters.aws import ServiceError
from eventdrain.adapters.http import SSLError

if TYPE_CHECKING:
    from eventdrain.errors import Failure

MALFORMED_RESPONSE_ERRORS: Final = (
    *(ResponseParserError, ArithmeticError, AttributeError, LookupError, OSError, RuntimeError),
    *(TypeError, ValueError),
)
"""What botocore raises if a response does not match the service's model."""
BOTO_ERRORS: Final = (BotoCoreError, ClientError, *MALFORMED_RESPONSE_ERRORS)
"""All errors of a call."""
_RETRYABLE_STATUS: Final = 503
_PERMANENT_STATUS: Final = 400


def converted(error: Exception) -> Exception:
    """Return the error of ``adapters.aws`` or ``adapters.http`` with the same code and cause."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _PERMANENT_STATUS)
        return ServiceError(answer.get("Code"), status=status, message=str(answer.get("Message")))
    if isinstance(error, exceptions.SSLError):
        return SSLError(_certificate_problem(error))
    # Without a response there is no status. This one decides whether a retry may succeed.
    is_permanent = isinstance(error, BotoCoreError) and not isinstance(
        error, exceptions.HTTPClientError | exceptions.ConnectionError
    )
    status = _PERMANENT_STATUS if is_permanent else _RETRYABLE_STATUS
    return ServiceError(type(error).__name__, status=status)


def error_code(error: Exception) -> str:
    """Return the service's error code, or the type's name for an error on the client's side."""
    return aws.error_code(converted(error))


def describe_error(error: Exception) -> str:
    """Return the error's code and, if known, its cause. The text is safe to log."""
    return aws.describe_error(converted(error))


def error_hint(error: Exception, default: str) -> str:
    """Return the hint for an error; see ``adapters.aws``."""
    return aws.error_hint(converted(error), default)


def failure_from(error: Exception, *, action: str, hint: str) -> Failure:
    """Return the failure for all events of a call; see ``adapters.aws``."""
    return aws.failure_from(converted(error), action=action, hint=hint)


def _certificate_problem(error: exceptions.SSLError) -> str:
    """Return OpenSSL's reason if the certificate is not trusted, otherwise an empty string."""
    # urllib3 wraps the ssl module's error, or its own error about the host name.
    args = getattr(error.kwargs.get("error"), "args", ())
    cause = args[0] if args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".")
    return "Hostname mismatch" if isinstance(cause, CertificateError) else ""
