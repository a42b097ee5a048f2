"""The templates as CloudFormation sees them: SAM's transform applied, conditions resolved.

The static tests look at this instead of the source, so that what SAM adds counts as well. What only
a deployment knows (`GetAtt`, `Sub`, references to resources) stays as it is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from devtools.policies.templates import transformed
from simulator.aws.embedded_aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}


@cache
def _load(project: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    template = project / "template.yaml"
    found = {*project.glob("*.yaml"), *project.glob("stacks/*.yaml")}
    return transformed(template, sorted(found - {template}))


def written_template(project: Path = PROJECT_FOLDER) -> dict[str, Any]:
    """Give the template as it is written, with every function in its long form."""
    return _load(project)[0]


def all_templates() -> dict[str, dict[str, Any]]:
    """Give every template by its path, SAM's transform applied, conditions unresolved."""
    _, expanded, nested = _load(PROJECT_FOLDER)
    return {"template.yaml": expanded, **nested}


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
        self.outputs: dict[str, dict[str, Any]] = self._existing(template.get("Outputs", {}))

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
