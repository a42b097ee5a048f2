"""Which templates there are, and how the one with SAM's transform looks to CloudFormation."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT: Final = Path(__file__).parents[2]
_SAM_PYTHON: Final = PROJECT / ".venv-sam" / "bin" / "python"

# Runs in the SAM CLI's environment, which alone has the transform. The transform wants code to be
# in S3 already, where `sam deploy` would have put it.
_TRANSFORM: Final = """
import json, pathlib, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

text = pathlib.Path(sys.argv[1]).read_text()
template = yaml_parse(text)
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://artifacts/key"

class NoManagedPolicies:
    def load(self):
        return {}

folder = pathlib.Path(sys.argv[1]).parent
others = {
    path.relative_to(folder).as_posix(): yaml_parse(path.read_text())
    for path in map(pathlib.Path, sys.argv[2:])
}
json.dump([yaml_parse(text), transform(template, {}, NoManagedPolicies()), others], sys.stdout)
"""


def templates() -> list[Path]:
    """Give every template of the project, nested ones too."""
    return [
        path
        for path in (PROJECT / "template.yaml", *sorted((PROJECT / "stacks").glob("*.yaml")))
        if "AWSTemplateFormatVersion" in path.read_text()
    ]


def transformed(
    template: Path, others: Iterable[Path] = ()
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Apply SAM's transform, without a network.

    Args:
        template: A template that has it.
        others: Templates that have not, and are only read.

    Returns:
        The template as it is written, and transformed, both with every function in its long form;
        and the others by their paths from the template's folder.

    Raises:
        subprocess.CalledProcessError: SAM refuses the template, and has said why.
    """
    completed = subprocess.run(  # noqa: S603 - our own program
        [_SAM_PYTHON, "-c", _TRANSFORM, template, *others],
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-north-1"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    written, expanded, read = json.loads(completed.stdout)
    return written, expanded, read


def expand(template: Path, folder: Path) -> Path:
    """Write what SAM's transform makes of a template.

    Args:
        template: A template that has it.
        folder: Where the result goes, as JSON; made if it isn't there.

    Raises:
        subprocess.CalledProcessError: SAM refuses the template, and has said why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expanded = folder / f"{template.stem}.json"
    expanded.write_text(json.dumps(transformed(template)[1], indent=1))
    return expanded
