"""The URL for an object: the bucket's host for AWS, a path for other endpoints."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from eventdrain.adapters.aws import AwsSession, aws_clients, lambda_client
from eventdrain.errors import ConfigurationError

BUCKET = "made-up"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set made-up credentials, without settings of the machine."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


def url_of(region: str) -> str:
    """Return the URL of the bucket for a region."""
    return aws_clients(AwsSession(region=region)).s3_endpoint(BUCKET).url


@pytest.mark.parametrize("partition", botocore.session.get_session().get_available_partitions())
def test_bucket_has_its_own_host_in_every_partition(partition: str) -> None:
    """The bucket has its own host in all partitions, whatever their domains."""
    region = botocore.session.get_session().get_available_regions("s3", partition)[0]
    url = url_of(region)
    assert url.startswith(f"https://{BUCKET}.s3.{region}.")


def test_european_sovereign_cloud() -> None:
    """The hosts of the European Sovereign Cloud have another suffix."""
    assert url_of("eusc-de-east-1") == f"https://{BUCKET}.s3.eusc-de-east-1.amazonaws.eu"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://localhost:4611", f"https://localhost:4611/{BUCKET}"),
        ("https://storage.example.com", f"https://storage.example.com/{BUCKET}"),
        (
            "https://bucket.vpce-1.s3.eu-north-1.vpce.amazonaws.com",
            f"https://{BUCKET}.bucket.vpce-1.s3.eu-north-1.vpce.amazonaws.com",
        ),
    ],
)
def test_endpoint_of_one_s_own(monkeypatch: pytest.MonkeyPatch, endpoint: str, url: str) -> None:
    """The bucket's host is used only for AWS, including VPC endpoints."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert url_of("eu-north-1") == url


def test_endpoint_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid URL is a configuration error for every client."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "made up")
    for make in (aws_clients.__wrapped__, lambda_client.__wrapped__):
        with pytest.raises(ConfigurationError, match="made up"):
            make()


def test_another_run_is_asked_for_once() -> None:
    """A call of Lambda with a late answer is not retried, as it may have started a run."""
    config: Any = lambda_client.__wrapped__().meta.config
    assert config.retries["total_max_attempts"] == 1
