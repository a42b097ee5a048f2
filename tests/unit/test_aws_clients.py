"""The endpoints of AWS services, and the URL for an object."""

from __future__ import annotations

import os
from typing import Any

import botocore.session
import pytest

from eventdrain.adapters.aws import AwsEnvironment
from eventdrain.adapters.boto import AwsSession, aws_clients
from eventdrain.errors import ConfigurationError

BUCKET = "made-up"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set made-up credentials, without settings of the machine."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


SESSION = botocore.session.get_session()


def environment(region: str) -> AwsEnvironment:
    """Return the environment of a drain in a region."""
    return AwsEnvironment({**os.environ, "AWS_REGION": region})


def url_of(region: str) -> str:
    """Return the URL of the bucket for a region, on which the drain and boto3 agree."""
    url = environment(region).bucket_endpoint(BUCKET).url
    assert url == aws_clients(AwsSession(region=region)).s3_endpoint(BUCKET).url
    return url


@pytest.mark.parametrize("partition", SESSION.get_available_partitions())
def test_bucket_has_its_own_host_in_every_partition(partition: str) -> None:
    """The bucket has its own host in all partitions, whatever their domains."""
    region = SESSION.get_available_regions("s3", partition)[0]
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


PARTITIONS = SESSION.get_data("partitions")["partitions"]


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda each: each["id"])
def test_services_in_every_region(partition: dict[str, Any]) -> None:
    """The drain calls the hosts that botocore calls."""
    regions = [each for each in partition["regions"] if not each.endswith("-global")]
    assert regions
    for region in regions:
        for service in ("sqs", "secretsmanager", "lambda"):
            host = f"{service}.{region}.{partition['outputs']['dnsSuffix']}"
            assert environment(region).endpoint(service).url == f"https://{host}"


def test_bucket_with_dots() -> None:
    """AWS's certificates do not match a host with more labels, so the bucket is a path."""
    url = environment("eu-north-1").bucket_endpoint("made.up").url
    assert url == "https://s3.eu-north-1.amazonaws.com/made.up"
    assert url == aws_clients(AwsSession(region="eu-north-1")).s3_endpoint("made.up").url


@pytest.mark.parametrize("text", ["made up", "ftp://localhost", "https://", "http://a:99999"])
def test_endpoint_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An invalid URL is a configuration error for drains and replays."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", text)
    with pytest.raises(ConfigurationError, match="AWS_ENDPOINT_URL"):
        environment("eu-north-1").endpoint("sqs")
    if text == "made up":
        with pytest.raises(ConfigurationError, match=text):
            aws_clients.__wrapped__()


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE"])
def test_environment_that_lacks_something(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Missing credentials and an unreadable file of certificates are named."""
    monkeypatch.setenv(name, "/made-up/file" if name == "AWS_CA_BUNDLE" else "")
    with pytest.raises(ConfigurationError, match=r"cannot be (called|read)") as caught:
        environment("eu-north-1").endpoint("sqs")
    assert caught.value.setting == name


def test_region_of_the_command_line() -> None:
    """Lambda sets AWS_REGION, people often AWS_DEFAULT_REGION; without either it is an error."""
    keys = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
    of_people = AwsEnvironment({**keys, "AWS_DEFAULT_REGION": "eu-west-1"})
    assert of_people.endpoint("sqs").region == "eu-west-1"
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        AwsEnvironment(keys).endpoint("sqs")


def test_keys_are_not_shown() -> None:
    """The credentials and the certificates are no part of the endpoint's text."""
    keys = {"AWS_SECRET_ACCESS_KEY": "made-up-key", "AWS_SESSION_TOKEN": "made-up-session"}
    shown = repr(AwsEnvironment({**os.environ, **keys}).endpoint("sqs"))
    assert "made-up-key" not in shown
    assert "made-up-session" not in shown
