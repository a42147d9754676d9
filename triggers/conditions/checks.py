"""One question and its answer, the unit that leaves are made of."""

from __future__ import annotations

from dataclasses import dataclass

from triggers.conditions.verdict import Node


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a leaf asks. `key` is the config key that asks it ("" for the leaf's own question).

    `holds` is None when the question could not be answered; `note` then says why. `below`: the reasons of a tree of
    conditions that was asked for it, the config's `key`.
    """

    label: str
    holds: bool | None
    expected: str
    actual: str
    key: str = ""
    note: str = ""
    below: Node | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that a leaf's configuration gets wrong beyond its schema. `message` is one sentence."""

    key: str
    code: str
    message: str
