"""Every resource of every template, in every form that the parameters can give it.

The tests of the rules (`test_rules_*.py`) are made from this, one for each resource, so that a new
resource is judged without anybody thinking of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from eventdrain.events import STREAMS
from tests.packaging.expanded_template import ExpandedTemplate, ResolvedTemplate, written_template

_MAIN: Final = "template.yaml"
SWITCHES: Final[dict[str, str]] = {
    "AlarmEmail": "somebody@example.com",
    "AlarmTopicArn": "arn:aws:sns:eu-north-1:000000000000:alarms",
    "DatabaseName": "",
    "EventTypes": ",".join(STREAMS),
    "KmsKeyArn": "arn:aws:kms:eu-north-1:000000000000:key/00000000-0000-0000-0000-000000000000",
    "PermissionsBoundary": "arn:aws:iam::000000000000:policy/boundary",
    "ReservedConcurrency": "1",
    "RolePath": "/drains/",
    "VpcSecurityGroupIds": "sg-00000000",
    "VpcSubnetIds": "subnet-00000000,subnet-11111111",
}
"""Another value than the default, for parameters that decide what there is and list no values."""
VPC: Final = {name: SWITCHES[name] for name in ("VpcSecurityGroupIds", "VpcSubnetIds")}
"""Parameters that only decide something together."""


@dataclass(frozen=True)
class Form:
    """A resource as one choice of parameters makes it.

    Attributes:
        resource: Its `Type`, `Properties` and the rest, without conditions.
        template: The template that it is in.
        stack: The whole stack that this is a part of.
        choice: Which parameters were not left as they are, for messages.
    """

    resource: dict[str, Any]
    template: ResolvedTemplate
    stack: ExpandedTemplate
    choice: str

    @property
    def properties(self) -> dict[str, Any]:
        """Its properties; none is allowed."""
        properties: dict[str, Any] = self.resource.get("Properties", {})
        return properties


@dataclass(frozen=True)
class Deployed:
    """A resource of a template.

    Attributes:
        file: The template's file.
        name: Its logical id there.
        forms: What the choices of parameters make of it; those that don't have it are left out.
    """

    file: str
    name: str
    forms: tuple[Form, ...]

    @property
    def type(self) -> str:
        """Its CloudFormation type."""
        kind: str = self.forms[0].resource["Type"]
        return kind

    def reason_for_waiving(self, rule: str) -> str | None:
        """Why its template suppresses a rule of cdk-nag, in cdk-nag's own words for it."""
        for waiver in self.waivers():
            if waiver["id"] == rule:
                return waiver.get("reason", "")
        return None

    def waivers(self) -> list[dict[str, str]]:
        """The rules of cdk-nag that its template suppresses, as `id` and `reason`."""
        nag: dict[str, list[dict[str, str]]] = self.metadata.get("cdk_nag", {})
        return nag.get("rules_to_suppress", [])

    @property
    def metadata(self) -> dict[str, Any]:
        """What its template says of it to tools."""
        metadata: dict[str, Any] = self.forms[0].resource.get("Metadata", {})
        return metadata


def deciding_parameters() -> set[str]:
    """The parameters that a condition of the template looks at."""
    template = written_template()
    return _references(template["Conditions"]) & set(template["Parameters"])


def _references(value: object) -> set[str]:
    match value:
        case {"Ref": str(name)}:
            return {name}
        case dict():
            return {name for each in value.values() for name in _references(each)}
        case list():
            return {name for each in value for name in _references(each)}
    return set()


def other_values(name: str) -> list[str]:
    """What else a parameter can be, as far as conditions can tell."""
    parameter = written_template()["Parameters"][name]
    values = [str(value) for value in parameter.get("AllowedValues", [])]
    values += [str(parameter[bound]) for bound in ("MinValue", "MaxValue") if bound in parameter]
    values += [SWITCHES[name]] if name in SWITCHES else []
    return [value for value in values if value != str(parameter["Default"])]


@cache
def _stacks() -> dict[str, ExpandedTemplate]:
    """The stack with its defaults, and with each other value of each deciding parameter.

    All streams are drained in each but the first.
    """
    everything = {"EventTypes": SWITCHES["EventTypes"]}
    choices = [
        {name: value}
        for name in sorted(deciding_parameters() | SWITCHES.keys())
        for value in other_values(name)
        if name not in VPC
    ]
    choices.append(VPC)
    stacks = {"the defaults": ExpandedTemplate()}
    for choice in choices:
        stacks[", ".join(f"{name}={value}" for name, value in choice.items())] = ExpandedTemplate(
            **(everything | choice)
        )
    return stacks


@cache
def deployed() -> tuple[Deployed, ...]:
    """Give all resources of all templates, in all their forms."""
    found: dict[tuple[str, str], list[Form]] = {}
    for choice, stack in _stacks().items():
        nested = stack.of_type("AWS::CloudFormation::Stack")
        parts: list[tuple[str, ResolvedTemplate]] = [(_MAIN, stack)]
        parts += [(nested[name]["TemplateURL"], part) for name, part in stack.nested.items()]
        for file, part in parts:
            for name, resource in part.resources.items():
                found.setdefault((file, name), []).append(Form(resource, part, stack, choice))
    return tuple(Deployed(file, name, tuple(forms)) for (file, name), forms in found.items())


def each(*types: str) -> pytest.MarkDecorator:
    """Run a test once for each resource of the given types."""
    resources = [it for it in deployed() if it.type in types]
    return pytest.mark.parametrize(
        "it", [pytest.param(each, id=f"{each.file}:{each.name}") for each in resources]
    )


def judge(it: Deployed, rule: str, findings: list[tuple[Form, str]], hint: str) -> None:
    """Fail if a resource breaks a rule that it doesn't waive, or waives one that it doesn't break.

    Args:
        it: The resource.
        rule: The rule's id.
        findings: The forms that break it, and how.
        hint: What to do.
    """
    reason = it.reason_for_waiving(rule)
    if reason is None:
        told = list(dict.fromkeys(f"with {form.choice}: {what}" for form, what in findings))[:3]
        assert not told, (
            f"{it.file} {it.name}: {rule}: {told}. {hint} Or, if that would be wrong here, say why "
            f"in its Metadata.cdk_nag.rules_to_suppress, as {{id: {rule}, reason: ...}}."
        )
    else:
        assert reason, f"{it.file} {it.name} waives {rule} without a reason"
        assert findings, f"{it.file} {it.name} keeps {rule}: take its waiver out of the Metadata."


def breaking(it: Deployed, *, keeps: Any, what: str) -> list[tuple[Form, str]]:  # noqa: ANN401
    """Give the forms of a resource that don't keep a rule.

    Args:
        it: The resource.
        keeps: Says of a form whether it keeps the rule.
        what: What is wrong with one that doesn't.
    """
    return [(form, what) for form in it.forms if not keeps(form)]
