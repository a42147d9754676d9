"""What rules speak of: the look that was taken, and the verdict of one rule about it."""

from dataclasses import dataclass
from enum import StrEnum

from deliverables.enums import CheckStatus

HEAD = 256 * 1024
"""So much of each file is looked at for patterns (threat T8); a match that lies later is not found."""
WHOLE = 16 * 1024 * 1024
"""A file up to this size is looked into where its format is asked for."""


class Rule(StrEnum):
    """The checks of a deliverable, in the order in which they are told."""

    EXISTS = "exists"
    CHANGED = "changed"
    MIN_SIZE = "min_size"
    MAX_SIZE = "max_size"
    FORMAT = "format"
    PATTERN = "pattern"
    FORBIDDEN_PATTERN = "forbidden_pattern"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a target: ``trouble`` says why there is no file to look at; ``head`` holds its first HEAD
    bytes, ``whole`` all of them where they were asked for and are no more than WHOLE.
    """

    trouble: str = ""
    size: int = 0
    checksum: str = ""
    head: bytes = b""
    whole: bytes | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict of one rule, with what was expected and what was found, in words an agent can act on."""

    rule: Rule
    status: CheckStatus
    expected: str
    found: str
