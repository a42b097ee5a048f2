"""Errors of HTTP calls. Their names are error codes, the same as botocore's."""

from __future__ import annotations


class HTTPClientError(Exception):
    """A call got no response. The server may have received the request.

    Attributes:
        cause: The Common Runtime's name of the error, such as ``AWS_IO_DNS_INVALID_NAME``, or the
            name of a type; empty if unknown.
    """

    def __init__(self, cause: str = "") -> None:
        super().__init__(cause)
        self.cause = cause


class ConnectionClosedError(HTTPClientError):
    """The connection was closed before the response."""


class ReadTimeoutError(HTTPClientError):
    """The call took longer than its timeout."""


class SSLError(HTTPClientError):
    """The TLS handshake failed.

    Attributes:
        problem: OpenSSL's reason if the certificate is not trusted, otherwise empty.
    """

    def __init__(self, problem: str = "") -> None:
        super().__init__(problem)
        self.problem = problem


class UntrustedCertificate(SSLError):
    """The server's certificate is not trusted. Nothing was sent."""


class UnsendableRequest(HTTPClientError):
    """The request is invalid. Nothing was sent."""


class MalformedResponse(HTTPClientError):
    """The response cannot be parsed. It may be a gateway's page."""
