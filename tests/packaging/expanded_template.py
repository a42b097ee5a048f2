"""The templates as CloudFormation sees them: SAM's transform applied, conditions resolved.

Static tests check these instead of the source, so that they include what SAM adds. Values that only
a deployment knows (`GetAtt`, `Sub`, references to resources) are unchanged.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

OTHER_VALUES: Final[dict[str, str]] = {
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
"""Non-default values of parameters that are used in conditions and have no `AllowedValues`."""
VPC: Final = {name: OTHER_VALUES[name] for name in ("VpcSecurityGroupIds", "VpcSubnetIds")}
"""Parameters that have an effect only together."""
_NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_SAM_PYTHON: Final = PROJECT_FOLDER / ".venv-sam" / "bin" / "python"

# Runs in the SAM CLI's environment, which alone has the transform. The transform needs code to be
# in S3 already, where `sam deploy` would have put it.
_TRANSFORM: Final = """
import json, pathlib, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

folder = pathlib.Path(sys.argv[1])
text = (folder / "template.yaml").read_text()
template = yaml_parse(text)
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://artifacts/key"

class NoManagedPolicies:
    def load(self):
        return {}

files = [*folder.glob("*.yaml"), *folder.glob("stacks/*.yaml")]
nested = {file.relative_to(folder).as_posix(): yaml_parse(file.read_text()) for file in files}
nested = {name: it for name, it in nested.items() if "AWSTemplateFormatVersion" in it}
del nested["template.yaml"]
json.dump([yaml_parse(text), transform(template, {}, NoManagedPolicies()), nested], sys.stdout)
"""


@cache
def _load(project: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the template as written, as SAM transforms it, and the nested templates by path."""
    completed = subprocess.run(
        [_SAM_PYTHON, "-c", _TRANSFORM, project],
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-north-1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    written, expanded, nested = json.loads(completed.stdout)
    return written, expanded, nested


def written_template(project: Path = PROJECT_FOLDER) -> dict[str, Any]:
    """Return the template as it is written, with every function in its long form."""
    return _load(project)[0]


def other_values(name: str) -> list[str]:
    """Return the values of a parameter, other than its default, that conditions can distinguish."""
    parameter = written_template()["Parameters"][name]
    values = [str(value) for value in parameter.get("AllowedValues", [])]
    values += [str(parameter[bound]) for bound in ("MinValue", "MaxValue") if bound in parameter]
    values += [OTHER_VALUES[name]] if name in OTHER_VALUES else []
    return [value for value in values if value != str(parameter["Default"])]


def all_templates() -> dict[str, dict[str, Any]]:
    """Return every template by its path, SAM's transform applied, conditions unresolved."""
    _, expanded, nested = _load(PROJECT_FOLDER)
    return {"template.yaml": expanded, **nested}


class ResolvedTemplate:
    """A template with given parameters.

    Attributes:
        parameters: Every parameter's value.
        resources: The deployed resources by logical id: `Type`, `Properties` and the rest.
        outputs: The stack's outputs.
    """

    def __init__(self, template: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Resolve a template.

        Args:
            template: A template after SAM's transform.
            parameters: A value for each of its parameters.
        """
        assert parameters.keys() == template["Parameters"].keys()
        self.parameters = parameters
        self._conditions: dict[str, Any] = template["Conditions"]
        self._mappings: dict[str, Any] = template.get("Mappings", {})
        self.resources: dict[str, dict[str, Any]] = self._existing(template["Resources"])
        self.outputs: dict[str, dict[str, Any]] = self._existing(template.get("Outputs", {}))

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def properties(self, name: str) -> dict[str, Any]:
        """Return the properties of one resource."""
        properties: dict[str, Any] = self.resources[name]["Properties"]
        return properties

    def statements(self, role: str) -> dict[str, dict[str, Any]]:
        """Return the statements of a role's policies, in it and apart from it, by their `Sid`."""
        apart = self.of_type("AWS::IAM::Policy").values()
        policies = [
            *self.properties(role)["Policies"],
            *(policy for policy in apart if policy["Roles"] == [{"Ref": role}]),
        ]
        return {
            statement["Sid"]: statement
            for policy in policies
            for statement in policy["PolicyDocument"]["Statement"]
        }

    def _existing(self, section: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._resolve(item)
            for name, item in section.items()
            if "Condition" not in item or self._holds({"Condition": item["Condition"]})
        }

    def _holds(self, condition: dict[str, Any]) -> bool:
        ((function, argument),) = condition.items()
        match function:
            case "Condition":
                return self._holds(self._conditions[argument])
            case "Fn::Not":
                return not self._holds(argument[0])
            case "Fn::And":
                return all(self._holds(each) for each in argument)
            case "Fn::Or":
                return any(self._holds(each) for each in argument)
            case "Fn::Equals":
                left, right = (str(self._resolve(each)) for each in argument)
                return left == right
        raise NotImplementedError(function)

    def _resolve(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self.parameters.get(name, value)
            case {"Fn::If": [condition, yes, no]}:
                return self._resolve(yes if self._holds({"Condition": condition}) else no)
            case {"Fn::Join": [separator, {"Fn::Split": [delimiter, source]}]}:
                return separator.join(self._resolve(source).split(delimiter))
            case {"Fn::FindInMap": [mapping, first, second]}:
                return self._mappings[mapping][self._resolve(first)][self._resolve(second)]
        return self._resolve_inside(value)

    def _resolve_inside(self, value: Any) -> Any:
        match value:
            case dict():
                resolved = {name: self._resolve(each) for name, each in value.items()}
                return {name: each for name, each in resolved.items() if each != _NO_VALUE}
            case list():
                return [each for each in map(self._resolve, value) if each != _NO_VALUE]
        return value


class ExpandedTemplate(ResolvedTemplate):
    """The stack's template with given parameters.

    Attributes:
        nested: The templates of its nested stacks, by logical id.
        streams: The nested templates of streams, by event type.
    """

    def __init__(self, project: Path = PROJECT_FOLDER, /, **parameters: str) -> None:
        """Resolve the template, and those nested in it.

        Args:
            project: The folder with the templates.
            parameters: The parameters that differ from their defaults.
        """
        _, template, nested = _load(project)
        defaults = {name: str(it["Default"]) for name, it in template["Parameters"].items()}
        unknown = parameters.keys() - defaults.keys()
        if unknown:
            raise ValueError(f"the template has no parameters {sorted(unknown)}")
        super().__init__(template, defaults | parameters)
        self.nested = {
            name: ResolvedTemplate(nested[stack["TemplateURL"]], stack["Parameters"])
            for name, stack in self.of_type("AWS::CloudFormation::Stack").items()
        }
        self.streams = {
            each.parameters["EventType"]: each
            for each in self.nested.values()
            if "EventType" in each.parameters
        }
