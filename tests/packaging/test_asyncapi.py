"""The AsyncAPI document of the queue, as AsyncAPI's own tools read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
import pytest

from devtools.json_schemas import schemas
from simulator.aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.release

PARSER: Final = Path(__file__).parent / "asyncapi"
SCHEMAS: Final = PROJECT_FOLDER / "schemas"
SPECIFICATION: Final = "node_modules/@asyncapi/specs/schemas/3.0.0.json"


@pytest.fixture(scope="module")
def parser(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """Return a folder with AsyncAPI's parser, as locked; skip without Node or npm's registry."""
    if not shutil.which("npm"):
        pytest.skip("AsyncAPI's parser needs Node.js with npm, which is not on this machine")
    return made_once("asyncapi", _install)


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PARSER, folder)
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    unreachable = re.search(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH", done.stderr)
    if unreachable:
        pytest.skip(f"npm can't reach its registry ({unreachable[0]}) for AsyncAPI's parser")
    assert done.returncode == 0, done.stderr


def _parse(parser: Path, document: Path) -> dict[str, Any]:
    """Parse a document: the names of its messages, and what is wrong with it."""
    done = subprocess.run(
        ("node", "parse.mjs", document), cwd=parser, capture_output=True, text=True, check=True
    )
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_parser_takes_the_document(parser: Path) -> None:
    """The parser finds every message, follows every reference, and has nothing to say."""
    assert _parse(parser, SCHEMAS / "asyncapi.json") == {
        "messages": ["OneEvent", "PointerMessage", "SeveralEvents"],
        "problems": [],
    }


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("asyncapi.json", '"send"', '"sends"'),
        ("asyncapi.json", "#/channels/queue", "#/channels/quay"),
        ("json/pointer.json", '"type": "object"', '"type": "objects"'),
    ],
)
def test_parser_finds_mistakes(parser: Path, tmp_path: Path, path: str, old: str, new: str) -> None:
    """What the parser takes, it has looked at: in the document and in the schemas."""
    shutil.copytree(SCHEMAS, tmp_path, dirs_exist_ok=True)
    (tmp_path / path).write_text((tmp_path / path).read_text().replace(old, new))

    assert _parse(parser, tmp_path / "asyncapi.json")["problems"]


def test_specification_allows_the_document(parser: Path) -> None:
    """The document is valid by the specification's own schema."""
    specification = json.loads((parser / SPECIFICATION).read_text())

    jsonschema_rs.validator_for(specification).validate(schemas()["asyncapi.json"])
