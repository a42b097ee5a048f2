"""A session of boto3's that tells, too, which certificates it trusts."""

from __future__ import annotations

from pathlib import Path

import boto3
import botocore.session
from botocore.httpsession import get_cert_path


class AwsSession(boto3.session.Session):
    """Where and as whom AWS is called: what is given here, and for the rest the environment.

    A process needs one: each looks for credentials anew, and may ask its user for an MFA code.

    Args:
        region: The region; None for that of the environment or of the profile.
        profile: The profile; None for what the environment has. One that is given is who calls,
            even where the environment has keys.

    Raises:
        BotoCoreError: There is no such profile, or the AWS configuration can't be read.
    """

    def __init__(self, *, region: str | None = None, profile: str | None = None) -> None:
        # boto3 keeps its own to itself.
        self._core = botocore.session.Session()
        super().__init__(botocore_session=self._core, region_name=region, profile_name=profile)

    def roots(self) -> bytes:
        """Read the certificates that are trusted, PEM.

        Raises:
            OSError: The file that the environment or the profile names can't be read.
        """
        bundle = get_cert_path(self._core.get_config_variable("ca_bundle") or True)
        return Path(str(bundle)).read_bytes()

    def aws_suffixes(self) -> tuple[str, ...]:
        """Return what the names of AWS's own hosts end with, in every partition.

        Each suffix begins with a dot, such as ``.amazonaws.com`` or ``.amazonaws.eu``.
        """
        # The data by which botocore itself finds the host of a service in a region.
        partitions = self._core.get_data("partitions")["partitions"]
        return tuple(f".{partition['outputs']['dnsSuffix']}" for partition in partitions)
