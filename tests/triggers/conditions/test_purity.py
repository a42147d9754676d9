"""The package knows no Django, and takes text from outside literally."""

import subprocess
import sys
from typing import Any

import pytest

from tests.triggers.conditions.facts_for_tests import answer, field, holds, leaf, make_event
from triggers.conditions.describe import describe, summary
from triggers.conditions.schema import validate

pytestmark = pytest.mark.one_pass

NAUGHTY = [
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "{x.__class__}",
    "{0.__class__.__mro__}",
    "{event.actor}",
    "%s%n%d",
    "%(actor)s",
    "$(id)",
    "`id`",
    "__import__('os')",
    "<script>alert(1)</script>",
    "{% load x %}",
    "'; DROP TABLE events;--",
    "\\x41",
    "../../etc/passwd",
    "😀 Ω≈ç√",
    "{",
    "}",
    "{}",
]


def test_importing_conditions_imports_no_django() -> None:
    program = (
        "import sys\n"
        "import triggers.conditions.describe, triggers.conditions.evaluate, triggers.conditions.schema\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('django', 'rest_framework')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("text", NAUGHTY)
def test_naughty_text_stays_literal(text: str) -> None:
    event = make_event(
        text=f"before {text} after", actor=text, data={"x": text, text: 1}, changes={"status": ("", text)}
    )
    trees: list[dict[str, Any]] = [
        leaf("string_match", search_string=text, case_sensitive=True),
        leaf("status_change", to_status=text, from_user=text, contains_keywords=[text]),
        leaf("sender", allow=[text]),
        field("data.x", "equals", text),
        field("data.x", "in", [text]),
        field("event.text", "contains", text),
        field("changes.status", "changed_to", text),
    ]
    for tree in trees:
        assert validate(tree) == []
        assert text in describe(tree)
        assert holds(tree, event) is True
        assert any(text in node.expected for node in answer(tree, event).because.walk())


@pytest.mark.parametrize("text", NAUGHTY)
def test_naughty_text_that_does_not_match_is_shown_as_it_is(text: str) -> None:
    verdict = answer(field("event.actor", "equals", text), make_event(actor="ana"))
    assert summary(verdict) == f"event.actor: ana, wanted: is {text}"


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_naughty_path_reaches_no_attribute(text: str) -> None:
    assert holds(field(f"data.{text}".rstrip("."), "equals", "ana"), make_event(data={})) in (False, None)
