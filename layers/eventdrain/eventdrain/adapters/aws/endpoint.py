"""Endpoints and credentials of AWS services, from environment variables as Lambda sets them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from eventdrain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DNS_SUFFIXES: Final = {
    "cn": "amazonaws.com.cn",
    "eusc": "amazonaws.eu",
    "us-iso": "c2s.ic.gov",
    "us-isob": "sc2s.sgov.gov",
    "eu-isoe": "cloud.adc-e.uk",
    "us-isof": "csp.hci.ic.gov",
}
"""The DNS suffixes of AWS's partitions by the first parts of their regions' names; botocore has the
same in its ``partitions.json``."""
_SUFFIX: Final = "amazonaws.com"
_ENDPOINT_VARIABLES: Final = {
    "lambda": "AWS_ENDPOINT_URL_LAMBDA",
    "s3": "AWS_ENDPOINT_URL_S3",
    "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER",  # pragma: allowlist secret
    "sqs": "AWS_ENDPOINT_URL_SQS",
}
_FOR_ALL: Final = "AWS_ENDPOINT_URL"


@dataclass(frozen=True, slots=True)
class AwsEndpoint:
    """The URL of a service, the AWS credentials, and the trusted certificates.

    Attributes:
        url: The URL that paths are appended to, without a trailing slash.
        service: The service's name in signatures.
        region: The region's name in signatures.
        access_key: The access key id.
        secret_key: The secret access key.
        session_token: The session token; None for long-term credentials.
        roots: The trusted root certificates, PEM; None for the system's.
    """

    url: str
    service: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    roots: bytes | None = field(repr=False)


class AwsEnvironment:
    """The endpoints that a function calls. Creating one makes no calls.

    Args:
        variables: The environment variables.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def endpoint(self, service: str) -> AwsEndpoint:
        """Return the endpoint of a service.

        Args:
            service: ``lambda``, ``secretsmanager`` or ``sqs``.

        Raises:
            ConfigurationError: The region or the credentials are missing, an endpoint is invalid,
                or the trusted certificates cannot be read.
        """
        region = self._required("AWS_REGION", "AWS_DEFAULT_REGION")
        return AwsEndpoint(
            url=self._own_url(service) or f"https://{service}.{region}.{_dns_suffix(region)}",
            service=service,
            region=region,
            access_key=self._required("AWS_ACCESS_KEY_ID"),
            secret_key=self._required("AWS_SECRET_ACCESS_KEY"),
            session_token=self._variables.get("AWS_SESSION_TOKEN") or None,
            roots=self._roots(),
        )

    def bucket_endpoint(self, bucket: str) -> AwsEndpoint:
        """Return the endpoint of a bucket; paths are object keys.

        The bucket has a host of its own at AWS, VPC endpoints included, and a path elsewhere.

        Raises:
            ConfigurationError: See ``endpoint``.
        """
        endpoint = self.endpoint("s3")
        return replace(endpoint, url=_bucket_url(endpoint.url, bucket))

    def _required(self, *names: str) -> str:
        for name in names:
            if value := self._variables.get(name):
                return value
        raise ConfigurationError(
            f"AWS cannot be called: {' or '.join(names)} is not set",
            hint="run this as a Lambda function, or set the variable",
            setting=names[0],
        )

    def _own_url(self, service: str) -> str:
        for name in (_ENDPOINT_VARIABLES[service], _FOR_ALL):
            if url := self._variables.get(name, "").rstrip("/"):
                if _is_url(url):
                    return url
                raise ConfigurationError(
                    f"{name} is invalid: {url!r}",
                    hint=f"set {name} to a URL, or remove it",
                    setting=name,
                )
        return ""

    def _roots(self) -> bytes | None:
        file = self._variables.get("AWS_CA_BUNDLE")
        try:
            return Path(file).read_bytes() if file else None
        except OSError as error:
            raise ConfigurationError(
                f"the trusted certificates cannot be read: {error}",
                hint="check AWS_CA_BUNDLE",
                setting="AWS_CA_BUNDLE",
            ) from error


def _is_url(text: str) -> bool:
    """Return whether a text is an HTTP URL with a host and a valid port."""
    try:
        address = urlsplit(text)
        return (
            (address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0)
            and text.isprintable()
            and " " not in text
        )
    except ValueError:
        return False


def _dns_suffix(region: str) -> str:
    """Return the DNS suffix of AWS's endpoints in a region."""
    parts = region.split("-")
    return _DNS_SUFFIXES.get(parts[0]) or _DNS_SUFFIXES.get("-".join(parts[:2]), _SUFFIX)


def _bucket_url(s3_url: str, bucket: str) -> str:
    """Return the URL of a bucket: virtual-host style for hosts of AWS, path style for others."""
    address = urlsplit(s3_url)
    host = address.hostname or ""
    is_aws = host.endswith(tuple(f".{suffix}" for suffix in (_SUFFIX, *_DNS_SUFFIXES.values())))
    if is_aws and "." not in bucket:  # the certificate of AWS does not match more labels
        return f"{address.scheme}://{bucket}.{address.netloc}{address.path}"
    return f"{s3_url}/{bucket}"
