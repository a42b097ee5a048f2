"""The templates as CloudFormation sees them: SAM's transform applied, conditions resolved.

The static tests look at this instead of the source, so that what SAM adds counts as well. What only
a deployment knows (`GetAtt`, `Sub`, references to resources) stays as it is.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from typing import Any, Final

from tests.local.embedded_aws import PROJECT_FOLDER

_SAM_PYTHON: Final = PROJECT_FOLDER / ".venv-sam" / "bin" / "python"

# Runs in the SAM CLI's environment, which alone has the transform. The transform wants code to be
# in S3 already, where `sam deploy` would have put it.
_EXPAND: Final = """
import json, pathlib, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

text = pathlib.Path(sys.argv[1]).read_text()
expanded = yaml_parse(text)
for resource in expanded["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://artifacts/key"

class NoManagedPolicies:
    def load(self):
        return {}

nested = {path.name: yaml_parse(path.read_text()) for path in map(pathlib.Path, sys.argv[2:])}
json.dump([yaml_parse(text), transform(expanded, {}, NoManagedPolicies()), nested], sys.stdout)
"""
_NESTED: Final = ("stream.yaml", "catalogue.yaml", "compaction.yaml")

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


@cache
def _load() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    completed = subprocess.run(
        [
            *(_SAM_PYTHON, "-c", _EXPAND),
            *(PROJECT_FOLDER / name for name in ("template.yaml", *_NESTED)),
        ],
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-north-1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    source, expanded, nested = json.loads(completed.stdout)
    return source, expanded, nested


def written_template() -> dict[str, Any]:
    """Give the template as it is written, with every function in its long form."""
    return _load()[0]


class ResolvedTemplate:
    """A template with given parameters.

    Attributes:
        parameters: Every parameter's value.
        resources: What would be deployed, by logical id: `Type`, `Properties` and the rest.
        outputs: The outputs that the stack would have.
    """

    def __init__(self, template: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Resolve a template.

        Args:
            template: SAM's transform is applied.
            parameters: A value for each of its parameters.
        """
        assert parameters.keys() == template["Parameters"].keys()
        self.parameters = parameters
        self._conditions: dict[str, Any] = template["Conditions"]
        self._mappings: dict[str, Any] = template.get("Mappings", {})
        self.resources: dict[str, dict[str, Any]] = self._existing(template["Resources"])
        self.outputs: dict[str, dict[str, Any]] = self._existing(template["Outputs"])

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Give the properties of all resources of a type, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }

    def properties(self, name: str) -> dict[str, Any]:
        """Give the properties of one resource."""
        properties: dict[str, Any] = self.resources[name]["Properties"]
        return properties

    def statements(self, role: str) -> dict[str, dict[str, Any]]:
        """Give the statements of a role's policies, in it and apart from it, by their `Sid`."""
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

    def _resolve(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        match value:
            case {"Ref": name}:
                return self.parameters.get(name, value)
            case {"Fn::If": [condition, yes, no]}:
                return self._resolve(yes if self._holds({"Condition": condition}) else no)
            case {"Fn::Join": [separator, {"Fn::Split": [delimiter, {"Ref": name}]}]}:
                return separator.join(self.parameters[name].split(delimiter))
            case {"Fn::FindInMap": [mapping, first, second]}:
                return self._mappings[mapping][self._resolve(first)][self._resolve(second)]
        return self._resolve_inside(value)

    def _resolve_inside(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
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
        nested: The template of each nested stack that it has, by logical id.
        streams: Of these, those of its streams, by event type.
    """

    def __init__(self, **parameters: str) -> None:
        """Resolve the template, and those nested in it.

        Args:
            parameters: The parameters that differ from their defaults.
        """
        _, template, nested = _load()
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
