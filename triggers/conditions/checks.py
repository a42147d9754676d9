"""One question and its answer, the unit that leaves are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a leaf asks. `key` is the config key that asks it ("" for the leaf's own question).

    `holds` is None when the question could not be answered; `note` then says why.
    """

    label: str
    holds: bool | None
    expected: str
    actual: str
    key: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that a leaf's configuration gets wrong beyond its schema. `message` is one sentence."""

    key: str
    code: str
    message: str
