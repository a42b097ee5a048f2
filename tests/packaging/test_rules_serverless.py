"""The rules of cdk-nag's pack Serverless that apply here, over every resource of every template.

As `test_rules_aws_solutions.py`. The pack's rules for API gateways, event buses, event source
mappings and GraphQL have nothing to judge here; `test_every_type_is_judged` tells if that changes.
"""

from __future__ import annotations

from typing import Any, Final

from tests.packaging.deployed_resources import Deployed, Form, breaking, each, judge

DEFAULT_MEMORY_MB: Final = 128  # Lambda's, if nobody chooses
DEFAULT_TIMEOUT_SECONDS: Final = 3  # likewise


@each("AWS::Lambda::Function")
def test_serverless_lambda_async_failure_destination(it: Deployed) -> None:
    """Serverless-LambdaAsyncFailureDestination: what an asynchronous run fails on is sent on."""

    def is_sent_on(form: Form) -> bool:
        configurations = form.template.of_type("AWS::Lambda::EventInvokeConfig").values()
        return any(
            configuration["FunctionName"] == {"Ref": it.name}
            and "OnFailure" in configuration.get("DestinationConfig", {})
            for configuration in configurations
        )

    findings = breaking(it, keeps=is_sent_on, what="it has no destination on failure")
    judge(it, "Serverless-LambdaAsyncFailureDestination", findings, "Add one.")


@each("AWS::Lambda::Function")
def test_serverless_lambda_dlq(it: Deployed) -> None:
    """Serverless-LambdaDLQ: a function has a dead-letter queue."""
    findings = breaking(
        it, keeps=lambda form: "DeadLetterConfig" in form.properties, what="it has none"
    )
    judge(it, "Serverless-LambdaDLQ", findings, "Add DeadLetterQueue.")


@each("AWS::Lambda::Function")
def test_serverless_lambda_default_memory_size(it: Deployed) -> None:
    """Serverless-LambdaDefaultMemorySize: somebody chose a function's memory."""
    findings = breaking(
        it,
        keeps=lambda form: int(form.properties.get("MemorySize", 0)) > DEFAULT_MEMORY_MB,
        what="MemorySize is Lambda's own",
    )
    judge(it, "Serverless-LambdaDefaultMemorySize", findings, "Set MemorySize.")


@each("AWS::Lambda::Function")
def test_serverless_lambda_default_timeout(it: Deployed) -> None:
    """Serverless-LambdaDefaultTimeout: somebody chose a function's time-out."""
    findings = breaking(
        it,
        keeps=lambda form: int(form.properties.get("Timeout", 0)) > DEFAULT_TIMEOUT_SECONDS,
        what="Timeout is Lambda's own",
    )
    judge(it, "Serverless-LambdaDefaultTimeout", findings, "Set Timeout.")


@each("AWS::Lambda::Function")
def test_serverless_lambda_tracing(it: Deployed) -> None:
    """Serverless-LambdaTracing: a function is traced; where it is a parameter, that must waive."""
    asked = [form for form in it.forms if form.stack.parameters["Tracing"] == "Active"]
    untraced = [
        form.choice for form in asked if form.properties.get("TracingConfig") != {"Mode": "Active"}
    ]
    assert asked
    assert not untraced, f"{it.file} {it.name}: set Tracing: !Ref Tracing"
    findings = breaking(
        it,
        keeps=lambda form: form.properties.get("TracingConfig") == {"Mode": "Active"},
        what="TracingConfig isn't Active",
    )
    judge(it, "Serverless-LambdaTracing", findings, "Set Tracing to Active.")


@each("AWS::Logs::LogGroup")
def test_serverless_cloudwatch_log_group_retention_period(it: Deployed) -> None:
    """Serverless-CloudWatchLogGroupRetentionPeriod: a log isn't kept for ever."""
    findings = breaking(
        it,
        keeps=lambda form: int(form.properties.get("RetentionInDays", 0)) > 0,
        what="RetentionInDays is missing",
    )
    judge(it, "Serverless-CloudWatchLogGroupRetentionPeriod", findings, "Set it.")


@each("AWS::Lambda::Function")
def test_serverless_log_group_of_the_function(it: Deployed) -> None:
    """The same rule for what Lambda makes itself: each function logs to a group of its template."""

    def is_own(form: Form) -> bool:
        group: dict[str, Any] = form.properties.get("LoggingConfig", {}).get("LogGroup", {})
        return group.get("Ref") in form.template.of_type("AWS::Logs::LogGroup")

    findings = breaking(it, keeps=is_own, what="Lambda would make a log group without retention")
    judge(
        it, "Serverless-CloudWatchLogGroupRetentionPeriod", findings, "Set LoggingConfig.LogGroup."
    )


@each("AWS::SQS::Queue")
def test_serverless_sqs_redrive_policy(it: Deployed) -> None:
    """Serverless-SQSRedrivePolicy: a queue has a redrive policy."""
    findings = breaking(
        it, keeps=lambda form: "RedrivePolicy" in form.properties, what="it has none"
    )
    judge(it, "Serverless-SQSRedrivePolicy", findings, "Give it a dead-letter queue.")


@each("AWS::SNS::Subscription")
def test_serverless_sns_redrive_policy(it: Deployed) -> None:
    """Serverless-SNSRedrivePolicy: a subscription keeps what it couldn't deliver."""
    findings = breaking(
        it, keeps=lambda form: "RedrivePolicy" in form.properties, what="it has no RedrivePolicy"
    )
    judge(it, "Serverless-SNSRedrivePolicy", findings, "Give it a dead-letter queue.")


@each("AWS::Scheduler::Schedule")
def test_serverless_event_bus_dlq(it: Deployed) -> None:
    """Serverless-EventBusDLQ: a start that can't be delivered is kept in a dead-letter queue."""
    findings = breaking(
        it,
        keeps=lambda form: "DeadLetterConfig" in form.properties["Target"],
        what="Target.DeadLetterConfig is missing",
    )
    judge(it, "Serverless-EventBusDLQ", findings, "Name ScheduleDeadLetterQueue there.")


@each("AWS::StepFunctions::StateMachine")
def test_serverless_step_function_state_machine_xray(it: Deployed) -> None:
    """Serverless-StepFunctionStateMachineXray: a state machine is traced, if tracing is on."""
    findings = [
        (form, "TracingConfiguration isn't enabled")
        for form in it.forms
        if form.stack.parameters["Tracing"] == "Active"
        and form.properties.get("TracingConfiguration") != {"Enabled": True}
    ]
    judge(it, "Serverless-StepFunctionStateMachineXray", findings, "Enable it.")
