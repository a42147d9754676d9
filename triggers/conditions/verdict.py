"""What an evaluation answers: a verdict, and the tree of reasons that stands behind it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SHOWN_CHARACTERS = 200


class NodeKind(StrEnum):
    ALL = "all"
    ANY = "any"
    NONE = "none"
    LEAF = "leaf"


@dataclass(frozen=True, slots=True)
class Node:
    """One line of the reason tree.

    `holds` is None when the question could not be answered; `note` then says why. `path` is a JSON pointer (RFC 6901)
    into the normalised condition tree. `expected` and `actual` are words for a person, cut to 200 characters.
    A leaf that asks several things at once is a group of kind ALL with a line for each thing.
    """

    kind: NodeKind
    label: str
    path: str
    holds: bool | None
    expected: str = ""
    actual: str = ""
    children: tuple[Node, ...] = ()
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "label": self.label,
            "path": self.path,
            "holds": self.holds,
            "expected": self.expected,
            "actual": self.actual,
            "children": [child.as_json() for child in self.children],
            "note": self.note,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Node:
        """The inverse of `as_json`. Raises KeyError, TypeError or ValueError when `raw` is not a reason tree."""
        return cls(
            kind=NodeKind(raw["kind"]),
            label=raw["label"],
            path=raw["path"],
            holds=raw["holds"],
            expected=raw["expected"],
            actual=raw["actual"],
            children=tuple(cls.from_json(child) for child in raw["children"]),
            note=raw["note"],
        )

    def walk(self) -> Iterator[Node]:
        """This node and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one tree and one event. `error` is set exactly when nobody can tell; that is never "no match"."""

    matched: bool
    because: Node
    error: str | None

    @classmethod
    def of(cls, root: Node) -> Verdict:
        """The verdict that a finished reason tree amounts to."""
        return cls(matched=root.holds is True, because=root, error=_first_error(root) if root.holds is None else None)

    def as_json(self) -> dict[str, Any]:
        return {"matched": self.matched, "because": self.because.as_json(), "error": self.error}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Verdict:
        return cls(matched=raw["matched"], because=Node.from_json(raw["because"]), error=raw["error"])


def _first_error(root: Node) -> str:
    notes = (node.note for node in root.walk() if node.holds is None and node.note)
    return next(notes, "nothing below could be decided")


def shown(value: object) -> str:
    """A value from outside as one short line of text.

    Control characters and lone surrogates become visible marks: PostgreSQL's jsonb refuses NUL and surrogates, and a
    line break or a bidirectional override would let a mail's text rewrite the page around it.
    """
    text = _words(value)
    cut = text[: SHOWN_CHARACTERS + 1]
    line = cut if cut.isascii() and cut.isprintable() else "".join(_visible(character) for character in cut)
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"


def _words(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        # str() of an integer above 4,300 digits raises ValueError.
        return str(value) if value.bit_length() <= 640 else f"a number of {value.bit_length()} bits"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_words(entry) if _is_scalar(entry) else '…' for entry in value[:20])}]"
    if isinstance(value, Mapping):
        return f"an object with {len(value)} fields"
    return str(value)


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _visible(character: str) -> str:
    if character in "\n\r\t":
        return " "
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character
