"""A finding: what was looked at, how it stands, and what to do where it is not as it should be."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """``FAIL`` means that DCT could not run like this; ``WARN`` that it could, with something missing or insecure."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    standing: Standing
    what: str
    detail: str


Look = Callable[[], Iterable[Finding]]


def ok(what: str, detail: str) -> Finding:
    return Finding(Standing.OK, what, detail)


def warn(what: str, detail: str) -> Finding:
    return Finding(Standing.WARN, what, detail)


def fail(what: str, detail: str) -> Finding:
    return Finding(Standing.FAIL, what, detail)
