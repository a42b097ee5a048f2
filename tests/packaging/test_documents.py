"""What the documents say of the product is so, and they stay short."""

from __future__ import annotations

import json
import re
from typing import Final

import jsonschema

from drainctl.catalogue import saved_queries
from eventdrain.events import STREAMS
from simulator.aws import PROJECT_FOLDER
from tests.unit.athena_schema import athena_schema
from tests.unit.typed_sql import result_columns

README: Final = (PROJECT_FOLDER / "README.md").read_text()
QUERIES: Final = (PROJECT_FOLDER / "docs" / "queries.md").read_text()


def test_documents_are_short() -> None:
    """README has at most 1,500 words, and the pages in docs/ together 20,000."""
    pages = (path.read_text() for path in (PROJECT_FOLDER / "docs").glob("*.md"))

    assert len(README.split()) <= 1_500
    assert sum(len(page.split()) for page in pages) <= 20_000


def test_readme_lists_the_streams() -> None:
    """The table has every stream with its scope."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (?:`([\w.:]+)`|none) \|$", README, re.MULTILINE)

    assert rows == [(stream.event_type, stream.scope) for stream in STREAMS.values()]


def test_readme_shows_a_line() -> None:
    """The sample is a line of its stream."""
    (sample,) = re.findall(r"^```json\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    line = json.loads(sample)
    schema = PROJECT_FOLDER / "schemas" / "json" / f"{line['event_type']}_line.json"

    jsonschema.validate(line, json.loads(schema.read_text()))


def test_readme_shows_a_query() -> None:
    """The sample's columns and types are those of the view."""
    (query,) = re.findall(r"^```sql\n(.*?);\n```", README, re.DOTALL | re.MULTILINE)

    assert list(result_columns(query, athena_schema())) == [
        "event_time",
        "subscription_id",
        "previous_imei",
        "current_imei",
    ]


def test_queries_are_listed() -> None:
    """docs/queries.md has a row for each saved query, and the columns of each stream's view."""
    queries = {query.name.partition(".")[0] for query in saved_queries()}
    section = QUERIES.partition("## Saved queries")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `(\w+)(?:\.STREAM)?` ", section, re.MULTILINE)) == queries
    views = QUERIES.partition("| View | Its own columns")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` ", views, re.MULTILINE) == list(STREAMS)
