"""What looks like a secret and is none: ``allowed.toml``, with a reason for each."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALLOWED: Final = Path(__file__).with_name("allowed.toml")


@dataclass(frozen=True, order=True)
class Suspect:
    """Something in a file that looks like a secret.

    Attributes:
        file: The file, from the project's root.
        kind: What it looks like, in detect-secrets' words.
        digest: The SHA-1 of what was found, so that it needn't be repeated.
    """

    file: str
    kind: str
    digest: str


def allowed(text: str) -> dict[Suspect, str]:
    """Read the list, as what is no secret and why.

    Raises:
        ValueError: An entry has no reason.
    """
    found: dict[Suspect, str] = {}
    for entry in tomllib.loads(text)["allowed"]:
        if not entry.get("reason"):
            raise ValueError(
                f"{ALLOWED.name}: {entry['file']} has no reason: say why it is no secret"
            )
        for digest in entry["digests"]:
            found[Suspect(entry["file"], entry["kind"], digest)] = entry["reason"]
    return found


def harmless(text: str) -> list[str]:
    """Read the patterns of what is no secret wherever it stands.

    Raises:
        ValueError: A pattern has no reason.
    """
    entries: list[dict[str, str]] = tomllib.loads(text)["harmless"]
    for entry in entries:
        if not entry.get("reason"):
            raise ValueError(f"{ALLOWED.name}: {entry['pattern']} has no reason")
    return [entry["pattern"] for entry in entries]
