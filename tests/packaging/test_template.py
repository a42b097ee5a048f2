"""The template, where emulators can't test it: encryption, retention, permissions, limits."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any, Final

import pytest

from devtools import stream_blocks
from eventdrain.events import STREAMS
from eventdrain.settings import Settings
from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import ExpandedTemplate, written_template

KEY: Final = "arn:aws:kms:eu-north-1:000000000000:key/00000000-0000-0000-0000-000000000000"
SANDBOX: Final = "https://sandbox.api.wgtwo.com:443"
ALL_OPTIONS: Final = {
    "KmsKeyArn": KEY,
    "Tracing": "Active",
    "FifoQueue": "true",
    "RetentionDays": "30",
    "ReservedConcurrency": "1",
    "Architecture": "x86_64",
    "EventTypes": ",".join(STREAMS),
    "QueuePerStream": "true",
}
VARIANTS: Final = [
    pytest.param({}, id="defaults"),
    pytest.param(ALL_OPTIONS, id="all options"),
    pytest.param({"Authentication": "none", "ApiEndpoint": SANDBOX}, id="sandbox"),
]
QUEUES: Final = ("OutboxQueue", "OutboxDeadLetterQueue", "ScheduleDeadLetterQueue")
LONGEST_FUNCTION_TIMEOUT_SECONDS: Final = 900  # Lambda quotas
TIME_TO_START_SECONDS: Final = 15  # a cold start and a token, with room


def variables(template: ExpandedTemplate) -> dict[str, str]:
    """Return the function's environment, with made-up names for values of a deployment."""
    declared: dict[str, Any] = template.properties("DrainEventsFunction")["Environment"][
        "Variables"
    ]
    return {
        name: value if isinstance(value, str) else "known-when-deployed"
        for name, value in declared.items()
    }


def function_environment() -> dict[str, Any]:
    """Return the function's environment in the template."""
    function = written_template()["Resources"]["DrainEventsFunction"]["Properties"]
    environment: dict[str, Any] = function["Environment"]["Variables"]
    return environment


# --- Parameters ---


@pytest.mark.parametrize("name", written_template()["Parameters"])
def test_parameter_is_documented(name: str) -> None:
    """Each parameter has a default, a description, a limit, a group and a label in the console."""
    template = written_template()
    parameter = template["Parameters"][name]
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    groups = [group for group in interface["ParameterGroups"] if name in group["Parameters"]]

    assert {"Default", "Description"} <= parameter.keys()
    assert parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}
    assert len(groups) == 1
    assert interface["ParameterLabels"][name]["default"]


def test_defaults_agree() -> None:
    """The template's defaults equal those of the settings for missing variables."""
    deployed = variables(ExpandedTemplate(Authentication="none"))
    required = {name: deployed[name] for name in ("ARCHIVE_BUCKET", "QUEUE_URL")}

    assert Settings.from_env(deployed) == Settings.from_env(required)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, str(value))
        for name, parameter in written_template()["Parameters"].items()
        if {"Ref": name} in function_environment().values()
        for value in [
            *parameter.get("AllowedValues", []),
            *(parameter[bound] for bound in ("MinValue", "MaxValue") if bound in parameter),
        ]
    ],
)
def test_allowed_value_is_accepted(name: str, value: str) -> None:
    """The function accepts what the template allows, at both ends of every range."""
    Settings.from_env(variables(ExpandedTemplate(**{name: value})))


@pytest.mark.parametrize(
    "window", written_template()["Parameters"]["WindowSeconds"]["AllowedValues"]
)
def test_window_fits_into_its_function(window: int) -> None:
    """A window with the longest reserve and a cold start ends before the function's time-out."""
    longest_reserve = written_template()["Parameters"]["ReserveSeconds"]["MaxValue"]
    timeout = ExpandedTemplate(WindowSeconds=str(window)).properties("DrainEventsFunction")[
        "Timeout"
    ]

    assert window + longest_reserve + TIME_TO_START_SECONDS <= timeout
    assert timeout <= LONGEST_FUNCTION_TIMEOUT_SECONDS


def test_prefixes_are_apart() -> None:
    """A quarantine or tables prefix within the archive's prefix is rejected."""
    template = written_template()
    names = ("ArchivePrefix", "QuarantinePrefix", "TablesPrefix")
    compared = {
        frozenset(each["Ref"] for each in assertion["Assert"]["Fn::Not"][0]["Fn::Equals"])
        for rule in ("QuarantineApart", "TablesApart")
        for assertion in template["Rules"][rule]["Assertions"]
    }

    assert compared == {frozenset(pair) for pair in combinations(names, 2)}
    assert len({template["Parameters"][name]["Default"] for name in names}) == len(names)


@pytest.mark.parametrize("name", ["ArchivePrefix", "QuarantinePrefix", "TablesPrefix"])
@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [("a", True), ("a/b.c", True), ("", False), ("/a", False), ("a/", False), ("a//b", False)],
)
def test_prefix_is_the_functions(name: str, value: str, *, is_allowed: bool) -> None:
    """Keys begin with any prefix that the template allows, so that permissions match."""
    pattern = written_template()["Parameters"][name]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, value)) == is_allowed
    if is_allowed and name != "TablesPrefix":
        settings = Settings.from_env(variables(ExpandedTemplate(**{name: value})))
        assert value in {settings.archive_prefix, settings.quarantine_prefix}


def test_no_secrets() -> None:
    """Without authentication there are no secrets, no permissions for secrets, and no variables."""
    template = ExpandedTemplate(Authentication="none", ApiEndpoint=SANDBOX, KmsKeyArn=KEY)
    statements = template.statements("DrainEventsRole")
    environment = variables(template)

    assert not template.of_type("AWS::SecretsManager::Secret")
    assert not [sid for sid, it in statements.items() if "secretsmanager" in str(it)]
    assert environment["CREDENTIALS_SECRET_ARN"] == environment["TOKEN_SECRET_ARN"] == ""
    assert not template.outputs.keys() & {"CredentialsSecretArn", "TokenSecretArn"}


def test_no_secret_values() -> None:
    """The template creates empty secrets, which the operator and the function fill."""
    for secret in ExpandedTemplate().of_type("AWS::SecretsManager::Secret").values():
        assert not secret.keys() & {"SecretString", "GenerateSecretString"}


# --- Queues and schedule ---


@pytest.mark.parametrize("parameters", VARIANTS)
def test_queue_dead_letters(
    parameters: dict[str, str],
) -> None:
    """Unprocessed messages go to a dead-letter queue of the same kind, with a long retention."""
    template = ExpandedTemplate(**parameters)
    queue = template.properties("OutboxQueue")
    dead_letters = template.properties("OutboxDeadLetterQueue")
    retention = written_template()["Parameters"]["OutboxRetentionSeconds"]

    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {
        "Fn::GetAtt": ["OutboxDeadLetterQueue", "Arn"]
    }
    assert queue.get("FifoQueue") == dead_letters.get("FifoQueue")
    # A dead letter's age counts from its first sending; SQS has this maximum retention.
    assert dead_letters["MessageRetentionPeriod"] == retention["MaxValue"] > retention["Default"]


@pytest.mark.parametrize("per_stream", ["true", "false"])
def test_queues_suit_their_consumers(per_stream: str) -> None:
    """Visibility time-out and maximum receives of all queues are those of the parameters."""
    template = ExpandedTemplate(
        QueuePerStream=per_stream,
        EventTypes=",".join(STREAMS),
        VisibilityTimeoutSeconds="900",
        MaxReceiveCount="7",
    )
    own = [
        queue
        for it in template.streams.values()
        for queue in it.of_type("AWS::SQS::Queue").values()
    ]

    assert len(own) == (len(STREAMS) if per_stream == "true" else 0)
    for queue in (template.properties("OutboxQueue"), *own):
        assert queue["VisibilityTimeout"] == "900"
        assert queue["RedrivePolicy"]["maxReceiveCount"] == "7"


def test_fifo_names() -> None:
    """FIFO queues have the names that SQS requires; CloudFormation names others."""
    template = ExpandedTemplate(FifoQueue="true")

    for name in ("OutboxQueue", "OutboxDeadLetterQueue"):
        assert template.properties(name)["FifoQueue"] is True
        queue_name, values = template.properties(name)["QueueName"]["Fn::Sub"]
        assert queue_name.endswith("-${Id}.fifo")
        # The unique part of a stack's id, arn:...:stack/<name>/<unique id>.
        assert values == {"Id": {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}}
        assert "QueueName" not in ExpandedTemplate().properties(name)


@pytest.mark.parametrize("parameters", VARIANTS)
def test_schedule(
    parameters: dict[str, str],
) -> None:
    """Each stream's schedule names it; a failed start is retried, then recorded."""
    template = ExpandedTemplate(**parameters)
    for event_type, stream in template.streams.items():
        schedule = stream.properties("Schedule")
        target = schedule["Target"]

        assert "Name" not in schedule, "a fixed name conflicts with that of a second stack"
        assert target["Arn"] == {"Fn::GetAtt": ["DrainEventsFunction", "Arn"]}
        assert json.loads(target["Input"]["Fn::Sub"].replace("${EventType}", event_type)) == {
            "event_type": event_type
        }
        assert target["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
        assert target["RetryPolicy"] == {
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 120,
        }
        assert target["DeadLetterConfig"] == {
            "Arn": {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]}
        }
    # EventBridge Scheduler delivers dead letters to standard queues only.
    assert "FifoQueue" not in template.properties("ScheduleDeadLetterQueue")


# --- Streams ---


@pytest.mark.parametrize(
    "event_types",
    [
        ("handset_change",),
        ("consent_change", "country_change"),
        tuple(STREAMS),
        *((event_type,) for event_type in STREAMS),
    ],
    ids=",".join,
)
def test_streams_are_those_of_the_parameter(event_types: tuple[str, ...]) -> None:
    """The stack has a nested stack for exactly the named streams."""
    template = ExpandedTemplate(EventTypes=",".join(event_types))

    assert set(template.streams) == set(event_types)
    assert variables(template)["EVENT_TYPES"] == ",".join(event_types)
    assert not [
        name for name, output in template.outputs.items() if "Stream.Outputs" in json.dumps(output)
    ]


@pytest.mark.parametrize(
    ("value", "is_allowed"),
    [
        (",".join(STREAMS), True),
        *((event_type, True) for event_type in STREAMS),
        ("", False),
        ("sim_swap", False),
        ("handset_change,", False),
        ("handset_change, country_change", False),
        ("handset_change,sim_swap", False),
    ],
)
def test_unknown_streams_are_refused(value: str, *, is_allowed: bool) -> None:
    """Only existing streams, separated by commas, are allowed."""
    pattern = written_template()["Parameters"]["EventTypes"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, value)) is is_allowed


@pytest.mark.parametrize("fifo", ["true", "false"])
def test_own_queues(fifo: str) -> None:
    """Each stream's queue has the name that the function uses, and is private and encrypted."""
    template = ExpandedTemplate(
        EventTypes=",".join(STREAMS), QueuePerStream="true", FifoQueue=fifo, KmsKeyArn=KEY
    )
    url, url_values = template.properties("DrainEventsFunction")["Environment"]["Variables"][
        "QUEUE_URL"
    ]["Fn::Sub"]

    for event_type, stream in template.streams.items():
        name, name_values = stream.parameters["OwnQueueName"]["Fn::Sub"]
        assert url.rpartition("/")[2].replace("{event_type}", event_type) == name
        assert url_values == name_values
        assert name_values["Suffix"] == (".fifo" if fifo == "true" else "")
        queue = stream.properties("OutboxQueue")
        assert queue.get("FifoQueue", False) is (fifo == "true")
        assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": ["EncryptionKey", "Outputs.KeyArn"]}
        assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {
            "Fn::GetAtt": ["OutboxDeadLetterQueue", "Arn"]
        }
        (statement,) = stream.properties("OutboxQueuePolicy")["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}
        assert statement["Effect"] == "Deny"
    for kind, shared in (
        ("QueueUrl", {"Outbox", "OutboxDeadLetter", "ScheduleDeadLetter"}),
        ("QueueArn", {"Outbox"}),
    ):
        named = {name.removesuffix(kind) for name in template.outputs if name.endswith(kind)}
        assert named == shared | {event_type.title().replace("_", "") for event_type in STREAMS}


def test_blocks_of_names_that_overlap() -> None:
    """A stream name within another one is rejected, as conditions can't distinguish them."""
    text = stream_blocks.TEMPLATE.read_text()

    with pytest.raises(ValueError, match="'country' is a part"):
        stream_blocks.with_blocks(text, ("country", "country_change"), "country")


def test_no_stale_runs() -> None:
    """Lambda neither retries a failed run nor queues starts until the next one."""
    configs = ExpandedTemplate().of_type("AWS::Lambda::EventInvokeConfig").values()

    assert {config["FunctionName"]["Ref"] for config in configs} == {
        "DrainEventsFunction",
        "ReplayEventsFunction",
    }
    for config in configs:
        assert config["MaximumRetryAttempts"] == 0
        assert config["MaximumEventAgeInSeconds"] == 60


# --- Function and layers ---


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_layers_match_the_architecture(architecture: str) -> None:
    """One parameter selects the function's architecture and the matching vendor layer."""
    template = ExpandedTemplate(Architecture=architecture)
    layers = template.of_type("AWS::Lambda::LayerVersion")
    function = template.properties("DrainEventsFunction")
    attached = [layer["Ref"] for layer in function["Layers"]]
    vendor = [name for name in attached if name.startswith("VendorLayer")]

    assert function["Architectures"] == [architecture]
    assert sorted(attached) == sorted(layers)
    assert [layers[name]["CompatibleArchitectures"] for name in vendor] == [[architecture]]
    assert all(architecture in layer["CompatibleArchitectures"] for layer in layers.values())


def test_layers_match_the_runtime() -> None:
    """The vendor layer is built for the Python that the function runs on."""
    template = ExpandedTemplate()
    runtime = template.properties("DrainEventsFunction")["Runtime"]
    version = runtime.removeprefix("python")
    makefile = (PROJECT_FOLDER / "layers" / "vendor" / "Makefile").read_text()

    assert f"\nPYTHON_VERSION := {version}\n" in makefile
    for layer in template.of_type("AWS::Lambda::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [runtime]


def test_reserved_concurrency() -> None:
    """Concurrency is reserved only if configured, as small accounts don't allow it."""
    reserved = "ReservedConcurrentExecutions"

    assert reserved not in ExpandedTemplate().properties("DrainEventsFunction")
    asked = ExpandedTemplate(ReservedConcurrency="1").properties("DrainEventsFunction")
    assert asked[reserved] == "1"


@pytest.mark.parametrize("name", ["DrainEvents", "ReplayEvents"])
def test_log_group_and_tracing(name: str) -> None:
    """A function logs to a group of the stack with a retention, and is traced if configured."""
    template = ExpandedTemplate(LogRetentionDays="7", Tracing="Active")
    function = template.properties(f"{name}Function")

    assert set(template.of_type("AWS::Lambda::Function")) == {
        "DrainEventsFunction",
        "ReplayEventsFunction",
    }
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}LogGroup"}
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert template.properties(f"{name}LogGroup")["RetentionInDays"] == "7"
