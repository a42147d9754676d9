"""What an archive says of itself: when and of what it was made, what it needs, a checksum for each of its files."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dct_site.backup.troubles import CannotRestore

FORMAT = 1
MEMBER = "manifest.json"
SQLITE, POSTGRES = "sqlite", "postgresql"
DATABASE_MEMBERS = {SQLITE: "database.sqlite3", POSTGRES: "database.dump"}
FILES = "files"


@dataclass(frozen=True)
class Facts:
    """What the database said at the moment of the backup.

    ``migrations`` are applied ones as ``app.name``; ``keys`` the ids (never the keys) that its secrets are encrypted
    with; ``trees`` the directories of workspaces and templates below the data directory.
    """

    migrations: list[str]
    keys: list[str]
    counts: dict[str, int]
    trees: list[str]


@dataclass(frozen=True)
class Member:
    """SHA-256 (hex) and size in bytes of one plain file in the archive."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """``database_version`` is the server's or the library's; ``tool`` what wrote the dump (empty for SQLite)."""

    made_at: str
    dct_version: str
    database: str
    database_version: str
    tool: str
    facts: Facts
    left_out: list[str]
    members: dict[str, Member] = field(default_factory=dict)
    format: int = FORMAT

    def as_bytes(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def read(cls, raw: bytes) -> "Manifest":
        """Raises CannotRestore for what is no manifest, or one of a later format."""
        try:
            told: dict[str, Any] = json.loads(raw)
            if told["format"] > FORMAT:
                raise CannotRestore("the archive was made by a newer DCT; update this one first.")
            return cls(**{**told, "facts": Facts(**told["facts"]), "members": _members(told["members"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            raise CannotRestore("the archive's manifest cannot be read; take another backup.") from None


def _members(told: Mapping[str, Mapping[str, Any]]) -> dict[str, Member]:
    return {name: Member(**one) for name, one in told.items()}


def dct_version() -> str:
    """The version of this code."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    return str(project["project"]["version"])
