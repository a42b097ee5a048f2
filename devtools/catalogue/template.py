"""Writes the generated blocks of ``stacks/catalog.yaml`` and ``stacks/compaction.yaml``.

CloudFormation can't read a property's text from a file, so the statements of ``stacks/sql`` are
copied into the templates, each once. If a statement exists for each stream, its placeholders are
replaced later: those of a saved query by CloudFormation, those of compaction by the state machine.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import yaml

from devtools.blocks import with_block
from devtools.catalogue.tables import Places, table_inputs
from drainctl.catalogue import (
    CANDIDATES,
    PLACEHOLDER,
    STATEMENTS,
    SavedQuery,
    compacted_table,
    lines_table,
    saved_queries,
    stream_columns,
    stream_fields,
    unfilled_query,
    unfilled_statement,
)
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventdrain.events import EventStream

_ROOT: Final = Path(__file__).parents[2]
CATALOGUE: Final = _ROOT / "stacks" / "catalog.yaml"
COMPACTION: Final = _ROOT / "stacks" / "compaction.yaml"

_SHARED_SQL: Final = "the saved queries that exist for each stream"
_TABLES: Final = "the tables and views"
_QUERIES: Final = "the saved queries"
_STATEMENTS: Final = "the statements, and the columns of each stream"
_GRANTED: Final = "the tables that it may use"
_ENCODED: Final = "\x00"
"""Before a text that CloudFormation is to encode in base64."""
_PARAMETERS: Final = Places(
    database="\x01{DatabaseName}",
    bucket="\x01{ArchiveBucketName}",
    archive_prefix="\x01{ArchivePrefix}",
    tables_prefix="\x01{TablesPrefix}",
    first_day="\x01{FirstDay}",
)
"""Texts that become references to the template's parameters."""
_LONGEST_FLOW: Final = 100


def catalogue(template: str, streams: Mapping[str, EventStream] = STREAMS) -> str:
    """Return ``stacks/catalog.yaml`` with its blocks generated again.

    Args:
        template: Its text.
        streams: The streams.

    Raises:
        ValueError: A mark is missing, or see ``table_columns``.
    """
    queries = saved_queries(streams=streams)
    shared = {_map_key(query): {"Sql": unfilled_query(query)} for query in queries if query.stream}
    named = {f"{_camel(query.name)}Query": _named_query(query) for query in queries}
    inputs = table_inputs(_PARAMETERS, streams, encode=lambda text: _ENCODED + text)
    tables = {f"{_camel(table['Name'])}Table": _table(table) for table in inputs}
    template = with_block(template, _SHARED_SQL, _yaml(shared, "    "))
    template = with_block(template, _TABLES, _yaml(tables, "  "))
    return with_block(template, _QUERIES, _yaml(named, "  "))


def compaction(template: str, streams: Mapping[str, EventStream] = STREAMS) -> str:
    """Return ``stacks/compaction.yaml`` with its blocks generated again.

    Args:
        template: Its text.
        streams: The streams.

    Raises:
        ValueError: A mark is missing, or see ``table_columns``.
    """
    of_streams = {
        event_type: {
            "columns": ", ".join(stream_columns(stream)),
            "fields": ", ".join(stream_fields(stream)),
        }
        for event_type, stream in streams.items()
    }
    texts = {_camel(name): unfilled_statement(name) for name in STATEMENTS}
    texts["Streams"] = json.dumps(of_streams, indent=1)
    # CloudFormation doesn't escape what it substitutes in a definition; base64 needs no escaping.
    substitutions = {name: {"Fn::Base64": text} for name, text in texts.items()}
    names = [
        name
        for stream in streams.values()
        for name in (
            stream.event_type,
            lines_table(stream),
            compacted_table(stream),
        )
    ]
    arn = "arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:table/${DatabaseName}/"
    granted = [{"Fn::Sub": f"{arn}{name}"} for name in (*names, CANDIDATES)]
    template = with_block(template, _STATEMENTS, _yaml(substitutions, " " * 8))
    return with_block(template, _GRANTED, _yaml(granted, " " * 18))


def _camel(name: str) -> str:
    return name.title().replace("_", "").replace(".", "")


def _map_key(query: SavedQuery) -> str:
    return _camel(query.name.partition(".")[0])


def _table(table_input: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::Glue::Table",
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseName": {"Ref": "Database"},
            "TableInput": _with_references(table_input),
        },
    }


def _with_references(value: Any) -> Any:
    """Insert CloudFormation's functions where a text refers to a parameter or must be encoded."""
    if isinstance(value, dict):
        return {name: _with_references(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    if not isinstance(value, str):
        return value
    before, is_encoded, rest = value.partition(_ENCODED)
    if is_encoded:
        definition = rest.removesuffix(" */")
        view = {"Fn::Base64": _with_references(definition)}
        return {"Fn::Sub": [f"{before}${{View}} */", {"View": view}]}
    # In JSON the mark is escaped.
    value = value.replace(json.dumps("\x01").strip('"'), "\x01")
    if "\x01" not in value:
        return value
    return {"Fn::Sub": value.replace("${", "${!").replace("\x01", "$")}


def _named_query(query: SavedQuery) -> dict[str, Any]:
    sql: Any = query.sql
    if query.stream:
        shared = {"Fn::FindInMap": ["Queries", _map_key(query), "Sql"]}
        # CloudFormation has no function that replaces text, so the text is split and joined.
        sql = {"Fn::Join": [query.stream, {"Fn::Split": [PLACEHOLDER, shared]}]}
    return {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {
            "Name": query.name,
            "Description": query.title,
            "Database": {"Ref": "Database"},
            "WorkGroup": {"Ref": "WorkGroup"},
            "QueryString": sql,
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes multi-line strings as blocks, and short values on one line."""

    def represent_data(self, data: Any) -> yaml.Node:
        node = super().represent_data(data)
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = len(str(data)) <= _LONGEST_FLOW and "\n" not in repr(data)
        return node


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value: Any, margin: str) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000)
    return indent(text, margin, lambda line: bool(line.strip()))
