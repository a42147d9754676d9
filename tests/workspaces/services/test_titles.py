"""Titles are filled from plain data, once; nothing in them is evaluated."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.services.titles import TITLE_LENGTH, render

pytestmark = pytest.mark.one_pass

VALUES: dict[str, Any] = {
    "item": {"key": "octo/hello#12", "title": "Add a door", "empty": "", "none": None},
    "event": {
        "type": "pull_request.opened",
        "data": {
            "pull_request": {"number": 12, "draft": False, "merged": True, "ratio": 0.5},
            "labels": [{"name": "bug"}, {"name": "ui"}],
            "names": ["a", "b", None, {"x": 1}],
            "_links": {"self": "here"},
        },
    },
    "trigger": {"name": "Digest"},
    "date": date(2026, 11, 20),
}


@pytest.mark.parametrize(
    ("pattern", "title"),
    [
        ("{trigger.name}: {item.title}", "Digest: Add a door"),
        ("{item.key} {event.type} {date}", "octo/hello#12 pull_request.opened 2026-11-20"),
        ("#{event.data.pull_request.number}", "#12"),
        ("{event.data.labels.1.name}", "ui"),
        ("{event.data.pull_request.draft} {event.data.pull_request.merged}", "false true"),
        ("{event.data.pull_request.ratio}", "0.5"),
        ("{event.data.names}", "a, b"),
        ("{event.data._links.self}", "here"),
        ("{item.nothing}", "⟨missing: item.nothing⟩"),
        ("{item.none}", "⟨missing: item.none⟩"),
        ("{item.title.deeper}", "⟨missing: item.title.deeper⟩"),
        ("{event.data.labels.7.name}", "⟨missing: event.data.labels.7.name⟩"),
        ("{event.data.labels.-1.name}", "⟨missing: event.data.labels.-1.name⟩"),
        ("{event.data.labels.9999999999999999999999.name}", "⟨missing: event.data.labels.9999999999999999999999.name⟩"),
        ("{event.data}", "⟨missing: event.data⟩"),
        ("{event.data.labels}", "⟨missing: event.data.labels⟩"),
        ("a {item.empty} b", "a b"),
        ("  two \n lines ", "two lines"),
        ("", "Workspace"),
        ("{item.empty}", "Workspace"),
    ],
)
def test_a_placeholder_shows_what_it_names(pattern: str, title: str) -> None:
    assert render(pattern, VALUES) == title


@pytest.mark.parametrize(
    "literal",
    [
        "{{7*7}}",
        "${}",
        "{}",
        "{0!r}",
        "{item.title!r}",
        "{item.title:>100}",
        "{x.__class__}",
        "{item.__class__.__mro__}",
        "{__import__}",
        "{item[title]}",
        "{% raw %}",
        "{ item.title }",
        "%(item)s",
        "`id`",
    ],
)
def test_anything_else_stays_literal(literal: str) -> None:
    assert render(literal, VALUES) == literal


def test_what_a_value_holds_is_never_looked_at_again() -> None:
    assert render("{item.title}", {"item": {"title": "{item.key} {date}"}, "date": "no"}) == "{item.key} {date}"


def test_a_title_has_two_hundred_characters_at_most() -> None:
    title = render("{item.title}", {"item": {"title": "x" * 5000}})
    assert len(title) == TITLE_LENGTH
    assert title.endswith("…")


def test_control_and_invisible_characters_are_cut() -> None:
    dirty = "a\x00b\x1b[31mc\u202ed\u200be\U000e0041f"
    assert render("{item.title}", {"item": {"title": dirty}}) == "ab[31mcdef"


@given(st.text(), st.text())
def test_any_text_gives_one_bounded_line(pattern: str, value: str) -> None:
    title = render(pattern, {"item": {"title": value}})
    assert 1 <= len(title) <= TITLE_LENGTH
    assert title.splitlines() == [title]
