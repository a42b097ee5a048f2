"""A boto3 session that also returns the trusted certificates and AWS's DNS suffixes."""

from __future__ import annotations

from pathlib import Path

import boto3
import botocore.session
from botocore.httpsession import get_cert_path


class AwsSession(boto3.session.Session):
    """The region, credentials and configuration for calls to AWS.

    Create one per process: every session loads credentials anew and may ask for an MFA code.

    Args:
        region: The region; None for the region of the environment or the profile.
        profile: The profile; None for the environment's. A profile takes precedence over access
            keys in the environment.

    Raises:
        BotoCoreError: The profile does not exist, or the AWS configuration cannot be read.
    """

    def __init__(self, *, region: str | None = None, profile: str | None = None) -> None:
        # boto3 does not expose its botocore session.
        self._core = botocore.session.Session()
        super().__init__(botocore_session=self._core, region_name=region, profile_name=profile)

    def roots(self) -> bytes:
        """Return the trusted root certificates, PEM.

        Raises:
            OSError: The file that the environment or the profile names cannot be read.
        """
        bundle = get_cert_path(self._core.get_config_variable("ca_bundle") or True)
        return Path(str(bundle)).read_bytes()

    def aws_suffixes(self) -> tuple[str, ...]:
        """Return the DNS suffixes of AWS endpoints in all partitions, as in ``.amazonaws.com``."""
        # The data that botocore itself uses to resolve endpoints.
        partitions = self._core.get_data("partitions")["partitions"]
        return tuple(f".{partition['outputs']['dnsSuffix']}" for partition in partitions)
