"""Writes the generated blocks of ``stacks/catalog.yaml`` and ``stacks/compaction.yaml``."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, Final

import yaml

from devtools.blocks import with_block
from devtools.catalogue.tables import Places, table_inputs
from drainctl.catalogue.saved_queries import saved_queries
from drainctl.catalogue.statements import (
    CANDIDATES,
    closed_days,
    compacted_table,
    count_before,
    count_candidates,
    lines_table,
    replace_view,
    unload,
)
from eventdrain.events import STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventdrain.events import EventStream

_ROOT: Final = Path(__file__).parents[2]
CATALOGUE: Final = _ROOT / "stacks" / "catalog.yaml"
COMPACTION: Final = _ROOT / "stacks" / "compaction.yaml"

_TABLES: Final = "the tables and views"
_QUERIES: Final = "the saved queries"
_STATEMENTS: Final = "the statements of each stream"
_NAMES: Final = "the tables that it may see"
_ENCODED: Final = "\x00"
"""Around what CloudFormation shall encode in base64."""
_PARAMETERS: Final = Places(
    database="\x01{DatabaseName}",
    bucket="\x01{ArchiveBucketName}",
    archive_prefix="\x01{ArchivePrefix}",
    tables_prefix="\x01{TablesPrefix}",
    first_day="\x01{FirstDay}",
)
"""Texts that become references to the template's parameters."""


def catalogue(template: str, streams: Mapping[str, EventStream] = STREAMS) -> str:
    """Write the blocks of ``stacks/catalog.yaml`` anew.

    Raises:
        ValueError: A mark is missing, or see ``table_columns``.
    """
    tables = table_inputs(_PARAMETERS, streams, encode=lambda text: _ENCODED + text)
    resources = {_resource_name(table["Name"]): _table(table) for table in tables}
    template = with_block(template, _TABLES, _yaml(resources, "  "))
    return with_block(template, _QUERIES, _yaml(dict(_named_queries()), "  "))


def compaction(
    template: str,
    streams: Mapping[str, EventStream] = STREAMS,
) -> str:
    """Write the blocks of ``stacks/compaction.yaml`` anew.

    Args:
        template: Its text.
        streams: The streams.

    Raises:
        ValueError: A mark is missing.
    """
    statements = {
        event_type: {
            "closed_days": closed_days(stream),
            "count_before": count_before(stream),
            "unload": unload(stream),
            "count_candidates": count_candidates(stream),
            "replace_view": replace_view(stream),
        }
        for event_type, stream in streams.items()
    }
    names = [
        name
        for stream in streams.values()
        for name in (stream.event_type, lines_table(stream), compacted_table(stream))
    ]
    arn = "arn:${AWS::Partition}:glue:${AWS::Region}:${AWS::AccountId}:table/${DatabaseName}/"
    granted = [{"Fn::Sub": f"{arn}{name}"} for name in (*names, CANDIDATES)]
    template = with_block(template, _STATEMENTS, _yaml(statements, " " * 16))
    return with_block(template, _NAMES, _yaml(granted, " " * 18))


def _resource_name(table: str) -> str:
    return f"{table.title().replace('_', '')}Table"


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
    """Put CloudFormation's functions where a text holds a parameter's place or is to be encoded."""
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
    # JSON writes the mark as an escape.
    value = value.replace(json.dumps("\x01").strip('"'), "\x01")
    if "\x01" not in value:
        return value
    return {"Fn::Sub": value.replace("${", "${!").replace("\x01", "$")}


def _named_queries() -> Iterator[tuple[str, Any]]:
    for query in saved_queries():
        name = "".join(part.title() for part in query.name.replace(".", "_").split("_"))
        yield (
            f"{name}Query",
            {
                "Type": "AWS::Athena::NamedQuery",
                "Properties": {
                    "Name": query.name,
                    "Description": query.title,
                    "Database": {"Ref": "Database"},
                    "WorkGroup": {"Ref": "WorkGroup"},
                    "QueryString": query.sql,
                },
            },
        )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value: Any, margin: str) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000)
    return indent(text, margin, lambda line: bool(line.strip()))
