"""The examples' templates, beside the one of the stack whose queue they read."""

from __future__ import annotations

from simulator.aws import PROJECT_FOLDER
from tests.packaging.expanded_template import written_template


def test_messages_stay_hidden_long_enough() -> None:
    """By default a message is hidden for six times the function's time-out, as AWS recommends."""
    stack = written_template()["Parameters"]
    example = written_template(PROJECT_FOLDER / "examples" / "python-lambda")["Parameters"]

    hidden = stack["VisibilityTimeoutSeconds"]["Default"]
    assert hidden >= 6 * example["TimeoutSeconds"]["Default"]
    assert stack["ArchivePrefix"]["Default"] == example["ArchivePrefix"]["Default"]
