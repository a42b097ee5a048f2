"""Files of ``stacks/sql``: comments, followed by one statement."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

SQL_FOLDER: Final = Path(__file__).parents[2] / "stacks" / "sql"

_COMMENT: Final = "--"


def read_sql(name: str) -> str:
    """Return the statement of a file, with its placeholders.

    Args:
        name: The file's path in ``stacks/sql`` without its suffix, such as ``compaction/unload``.
    """
    return SqlFile.read(SQL_FOLDER / f"{name}.sql").sql


class SqlFile(NamedTuple):
    """The content of a file.

    Attributes:
        comments: The lines of the leading comment, without ``--``.
        sql: The statement.
    """

    comments: tuple[str, ...]
    sql: str

    @classmethod
    def read(cls, path: Path) -> SqlFile:
        """Read a file."""
        lines = path.read_text(encoding="utf-8").splitlines()
        count = next((n for n, line in enumerate(lines) if not line.startswith(_COMMENT)), 0)
        comments = tuple(line.removeprefix(_COMMENT).strip() for line in lines[:count])
        return cls(comments, "\n".join(lines[count:]).strip())

    def replace(self, placeholder: str, text: str) -> SqlFile:
        """Return a copy with a placeholder replaced in the comments and the statement."""
        comments = tuple(line.replace(placeholder, text) for line in self.comments)
        return SqlFile(comments, self.sql.replace(placeholder, text))
