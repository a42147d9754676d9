"""Registries and tables of moves are checked when they are made: a mistake is told at the start, not at night."""

import pytest

from dct_site.kernel.moves import machine
from dct_site.kernel.registry import Registry, UnknownKind


def test_a_kind_is_registered_once_and_again_only_with_the_same_entry() -> None:
    registry = Registry[list[int]]("lists")
    entry = registry.register("a", [1])
    assert registry.register("a", entry) is entry
    with pytest.raises(ValueError, match="'a' is registered already"):
        registry.register("a", [1])


def test_an_unknown_kind_is_told_with_those_that_are_known() -> None:
    registry = Registry[int]("numbers")
    with pytest.raises(UnknownKind, match="known are nothing"):
        registry.get("a")
    registry.register("b", 2)
    with pytest.raises(UnknownKind, match="known are b"):
        registry.get("a")


def test_a_table_of_moves_names_every_status_that_it_leads_to() -> None:
    with pytest.raises(ValueError, match=r"without an entry: \['gone'\]"):
        machine("thing", {"here": ["gone"]})
    whole = machine("thing", {"here": ["gone"], "gone": []})
    assert (whole.open, whole.terminal) == (frozenset({"here"}), frozenset({"gone"}))
    assert (whole.allows("here", "gone"), whole.allows("gone", "here"), whole.allows("no", "gone")) == (
        True,
        False,
        False,
    )
