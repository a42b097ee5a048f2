"""The schemas of lines and messages, and the AsyncAPI document: what they are built from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from devtools.json_schemas import MessageSchemas, schemas, strict
from eventdrain.events import compress, json_mapping, object_body
from simulator.aws import PROJECT_FOLDER
from tests.deliveries import delivery_of
from tests.made_up_stream import stream_of
from tests.payload_shapes import shapes

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from devtools.json_schemas import Schema

FOLDER: Final = PROJECT_FOLDER / "schemas"
WRITTEN: Final = schemas()
JSON_SCHEMAS: Final = {path: WRITTEN[path] for path in WRITTEN if path.startswith("json/")}


def test_files_are_those_that_are_written() -> None:
    """No file is left of a stream that is gone."""
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")}

    assert files == WRITTEN.keys()


@pytest.mark.parametrize("path", JSON_SCHEMAS)
def test_schemas_are_valid(path: str) -> None:
    """Each passes its own meta-schema, and that of the dialect which AsyncAPI and others read."""
    Draft202012Validator.check_schema(JSON_SCHEMAS[path])
    Draft7Validator.check_schema(JSON_SCHEMAS[path])


@pytest.mark.parametrize("path", JSON_SCHEMAS)
def test_identifiers_name_no_host(path: str) -> None:
    """A schema is named by its file, beside which its references find the others."""
    assert JSON_SCHEMAS[path]["$id"] == Path(path).name


def test_published_schemas_allow_new_properties() -> None:
    """A consumer that validates survives a new field, which the strict variant reports."""
    schema = JSON_SCHEMAS["json/handset_change_line.json"]
    line = {
        "event_id": "0" * 32,
        "event_type": "handset_change",
        "event_time": None,
        "subscription_id": None,
        "redelivered": False,
        "received_at": "2026-03-01T12:00:00.123Z",
        "event": {"number": {"new": "made up"}},
    }

    assert jsonschema_rs.is_valid(schema, line)
    assert jsonschema_rs.is_valid(schema, {**line, "new": 1})
    assert not jsonschema_rs.is_valid(strict(schema), line)
    assert not jsonschema_rs.is_valid(strict(schema), {**line, "event": {}, "new": 1})
    assert jsonschema_rs.is_valid(strict(schema), {**line, "event": {}})


def test_documented_command_validates_a_line(tmp_path: Path) -> None:
    """The command of docs/formats.md takes a line of an archive object, and no other object."""
    document = (PROJECT_FOLDER / "docs/formats.md").read_text()
    [command] = re.findall(r"^```sh\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def exit_status(body: bytes) -> int:
        (tmp_path / "line.ndjson.gz").write_bytes(body)
        done = subprocess.run(
            ("sh", "-c", command.replace("OBJECT", str(tmp_path / "line"))),
            cwd=PROJECT_FOLDER,
            env={**os.environ, "PATH": path},
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode

    assert exit_status(object_body([delivery_of(), delivery_of(1)])) == 0
    assert exit_status(compress(b"{}\n")) == 1


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("a bool", "true"),
        ("a int32", 2**31),
        ("a uint32", -1),
        ("a int64", 1),
        ("a fixed64", "-1"),
        ("a float", "1.5"),
        ("a double", None),
        ("a bytes", [255]),
        ("a string", 1),
        ("a string repeated", "made up"),
        ("a int64 repeated", [1]),
        ("a .odd.Odd.Kind", None),
        ("a .odd.Odd.Mark", {"b": 1}),
        ("a .odd.Odd.Note repeated", [{"b": 1}]),
        ("a .odd.Odd.TagsEntry repeated", {"b": 1}),
        ("a .google.protobuf.Timestamp", "2026-03-01T12:00:00.1234Z"),
        ("a .google.protobuf.Duration", "1"),
        ("a .google.protobuf.Int64Value", 1),
        ("properties string", 1),  # named as a keyword is
    ],
)
def test_every_kind_of_field_has_its_schema(field: str, wrong: Any) -> None:
    """Whatever an event holds, its schema allows what the engine writes, and no other type."""
    message = _payload(field)
    validator = jsonschema_rs.validator_for(strict(_schema_of(message)))
    convert = json_mapping(message)

    for each in shapes(message):
        validator.validate(json.loads(convert(each)))
    assert not validator.is_valid({message.fields[0].name: wrong})


def test_numbers_that_json_lacks() -> None:
    """The mapping writes an infinite number as a text."""
    assert jsonschema_rs.is_valid(_schema_of(_payload("a double")), {"a": "-Infinity"})


def test_type_within_itself() -> None:
    """The schema of a message that holds itself refers to itself."""
    schema = _schema_of(_payload("a .odd.Odd", "b string"))

    assert jsonschema_rs.is_valid(schema, {"a": {"a": {"b": "made up"}}})
    assert not jsonschema_rs.is_valid(schema, {"a": {"a": {"b": 1}}})


def _payload(*fields: str) -> Descriptor:
    message = stream_of(*fields).payload_field.message_type
    assert message
    return message


def _schema_of(message: Descriptor) -> Schema:
    built = MessageSchemas({})
    return {**built.of(message), "$defs": built.definitions}
