"""The engine's table is the only place that names a stream; blocks and code are made from there.

Beside it, two tables name the streams, and are held to them by tests: of personal fields, and of
the columns that compacted tables have.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from devtools.stream_blocks import TEMPLATE, with_blocks
from eventdrain.events import STREAMS
from simulator.aws.embedded_aws import PROJECT_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

TABLE: Final = PROJECT_FOLDER / "layers/eventdrain/eventdrain/events/streams.py"
PERSONAL_FIELDS: Final = TABLE.with_name("personal_fields.py")
RELEASED_COLUMNS: Final = PROJECT_FOLDER / "drainctl/catalogue/released.py"
FOLDERS: Final = ("layers/eventdrain", "functions", "drainctl", "devtools")
FILES: Final = ("stacks/stream.yaml", "samconfig.yml", "Makefile")

NAMES: Final = re.compile(
    "|".join(
        re.escape(name)
        for event_type, stream in STREAMS.items()
        for name in (
            event_type,
            event_type.title().replace("_", ""),  # as methods, messages and resources have it
            stream.scope,
            stream.service.name,
            stream.service.file.package,
        )
        if name
    )
)


MADE: Final = re.compile(r"# --- made by `make template`.*?# --- end", re.DOTALL)


def names_in_code(path: Path) -> list[str]:
    """Find names in a module, outside of its comments and docstrings, which may have examples."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return NAMES.findall(ast.unparse(tree))


def test_no_other_code_names_a_stream() -> None:
    """Nothing that runs has a list or a case of its own that a new stream would be missing from."""
    named = {
        path: names
        for folder in FOLDERS
        for path in (PROJECT_FOLDER / folder).rglob("*.py")
        if (names := names_in_code(path))
    }
    assert set(named.pop(TABLE)) >= set(STREAMS)
    del named[PERSONAL_FIELDS], named[RELEASED_COLUMNS]
    assert named == {}


def test_no_template_names_a_stream() -> None:
    """Outside of the blocks that are made, the templates and what builds them name no stream."""
    texts = {name: (PROJECT_FOLDER / name).read_text() for name in FILES}
    template = TEMPLATE.read_text()
    assert set(NAMES.findall(template)) >= set(STREAMS)
    texts["template.yaml"] = with_blocks(template, (), "")
    for name in ("stacks/catalog.yaml", "stacks/compaction.yaml"):
        texts[name] = MADE.sub("", (PROJECT_FOLDER / name).read_text())
    named = {name: names for name, text in texts.items() if (names := NAMES.findall(text))}
    assert named == {}
