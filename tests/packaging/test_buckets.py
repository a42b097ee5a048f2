"""Properties of the stack's buckets."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.packaging.expanded_template import ExpandedTemplate, all_templates
from tests.packaging.policy_documents import statements

BUCKETS: Final = ("ArchiveBucket", "AccessLogBucket", "QueryResultsBucket")
LOGS_OF: Final = {"ArchiveBucket": "archive/", "QueryResultsBucket": "query-results/"}


def bucket(name: str, **parameters: str) -> dict[str, Any]:
    """Return a bucket as it is deployed, the whole resource."""
    template = ExpandedTemplate(**{"AccessLogs": "true", **parameters})
    place = template.nested["Catalogue"] if name == "QueryResultsBucket" else template
    return place.resources[name]


def rules(name: str, **parameters: str) -> list[dict[str, Any]]:
    """Return its lifecycle's rules."""
    found: list[dict[str, Any]] = bucket(name, **parameters)["Properties"][
        "LifecycleConfiguration"
    ]["Rules"]
    return found


def test_every_bucket_is_tested() -> None:
    """The tests below cover each bucket of each template."""
    assert set(BUCKETS) == {
        name
        for template in all_templates().values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::S3::Bucket"
    }


@pytest.mark.parametrize("name", BUCKETS)
def test_bucket_is_private(name: str) -> None:
    """It blocks public access, and the account owns all objects."""
    properties = bucket(name)["Properties"]

    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("name", BUCKETS)
def test_nothing_lies_about(name: str) -> None:
    """Incomplete uploads and noncurrent versions expire in the whole bucket."""
    everywhere = [rule for rule in rules(name) if "Prefix" not in rule]
    is_versioned = "VersioningConfiguration" in bucket(name)["Properties"]

    assert {rule["Status"] for rule in rules(name)} == {"Enabled"}
    assert len({rule["Id"] for rule in rules(name)}) == len(rules(name))
    assert [rule["AbortIncompleteMultipartUpload"] for rule in everywhere] == [
        {"DaysAfterInitiation": 1}
    ]
    assert ["NoncurrentVersionExpiration" in rule for rule in everywhere] == [is_versioned]


@pytest.mark.parametrize(
    ("days", "expirations"),
    [
        ("0", {}),
        (
            "30",
            {"${ArchivePrefix}/": "30", "${QuarantinePrefix}/": "30", "${TablesPrefix}/": "30"},
        ),
    ],
)
def test_archive_retention(days: str, expirations: dict[str, str]) -> None:
    """Events expire only if configured; deleted versions are removed after 30 days."""
    found = rules("ArchiveBucket", RetentionDays=days)

    assert {
        it["Prefix"]["Fn::Sub"]: it["ExpirationInDays"] for it in found if "ExpirationInDays" in it
    } == expirations
    assert [it["NoncurrentVersionExpiration"] for it in found if it["Id"] == "clean-up"] == [
        {"NoncurrentDays": 30}
    ]
    assert bucket("ArchiveBucket")["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_logs_and_answers_expire() -> None:
    """Access logs expire like other logs, and answers of queries as configured."""
    (of_logs,) = rules("AccessLogBucket", LogRetentionDays="7")
    (of_answers,) = rules("QueryResultsBucket", QueryResultsDays="3")

    assert of_logs["ExpirationInDays"] == "7"
    assert of_answers["ExpirationInDays"] == "3"


@pytest.mark.parametrize("days", ["0", "1"])
def test_object_lock(days: str) -> None:
    """Object lock is enabled only if configured; the function sets the retention."""
    template = ExpandedTemplate(ObjectLockDays=days)
    properties = template.properties("ArchiveBucket")
    variables = template.properties("DrainEventsFunction")["Environment"]["Variables"]

    assert properties.get("ObjectLockEnabled", False) is (days != "0")
    assert "ObjectLockConfiguration" not in properties
    assert variables["OBJECT_LOCK_DAYS"] == days


def test_no_access_logs_unless_asked_for() -> None:
    """By default there is no bucket for access logs, and no bucket writes them."""
    template = ExpandedTemplate()

    assert not template.resources.keys() & {"AccessLogBucket", "AccessLogBucketPolicy"}
    assert "LoggingConfiguration" not in template.properties("ArchiveBucket")
    assert "LoggingConfiguration" not in template.nested["Catalogue"].properties(
        "QueryResultsBucket"
    )


@pytest.mark.parametrize("name", LOGS_OF)
def test_access_logs(name: str) -> None:
    """Each bucket's logs have their own prefix."""
    assert bucket(name)["Properties"]["LoggingConfiguration"] == {
        "DestinationBucketName": {"Ref": "AccessLogBucket"},
        "LogFilePrefix": LOGS_OF[name],
    }


def test_only_s3_delivers_access_logs() -> None:
    """Only S3's log service may write there, for these two buckets of this account."""
    allowed = [
        each
        for each in statements()
        if each.resource == "AccessLogBucketPolicy" and each.body["Effect"] == "Allow"
    ]

    assert {text for each in allowed for text in each.texts("Resource")} == {
        f"${{AccessLogBucket.Arn}}/{prefix}*" for prefix in LOGS_OF.values()
    }
    for each in allowed:
        assert each.body["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        assert each.actions == ["s3:PutObject"]
        assert each.conditions.keys() == {"aws:SourceArn", "aws:SourceAccount"}
        assert each.conditions["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_no_logs_of_a_bucket_that_isn_t_there() -> None:
    """Without a catalogue no logs of the bucket for answers may be delivered."""
    policy = ExpandedTemplate(AccessLogs="true", DatabaseName="").properties(
        "AccessLogBucketPolicy"
    )

    assert [each["Sid"] for each in policy["PolicyDocument"]["Statement"]] == [
        "TlsOnly",
        "DeliverArchiveLogs",
    ]
