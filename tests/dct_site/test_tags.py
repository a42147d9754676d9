"""The template tags draw what they are told, spoken and escaped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django import forms
from django.template import Context, Template

pytestmark = pytest.mark.one_pass

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAUGHTY = "<script>alert(1)</script>"
LEGS = [
    {"name": name, "state": state, "ms": ms, "note": "", "href": ""}
    for name, state, ms in [
        ("Noticed", "done", 800),
        ("Decided", "done", 14),
        ("Waited", "done", 1100),
        ("Prepared", "done", 182),
        ("Agent at work", "live", 124_000),
        ("Proven", "todo", None),
    ]
]


def draw(source: str, **context: Any) -> str:
    return Template("{% load dct %}" + source).render(Context({"now": NOW, **context}))


def test_a_status_has_tone_icon_and_word() -> None:
    html = draw('{% status "execution" "needs_attention" %}')
    assert "st tone-warn" in html
    assert "#i-person-raised-hand" in html
    assert "Needs you" in html


def test_a_status_as_a_pill_may_say_more() -> None:
    html = draw('{% status "execution" "succeeded" "pill" word="Succeeded in 48 s" %}')
    assert 'class="pill tone-good"' in html
    assert "Succeeded in 48 s" in html


def test_what_a_status_says_is_escaped() -> None:
    assert "<script>" not in draw('{% status "execution" value word=value %}', value=NAUGHTY)


def test_a_running_status_turns_and_a_finished_one_does_not() -> None:
    assert "icon spin" in draw('{% status "agent" "running" %}')
    assert "spin" not in draw('{% status "agent" "completed" %}')


def test_tone_icon_and_word_of_a_status_come_apart() -> None:
    html = draw(
        '{% status_tone "trigger" "paused" %} {% status_text "trigger" "paused" %} {% status_icon "trigger" "paused" %}'
    )
    assert html.startswith("off Paused <svg")


@pytest.mark.parametrize(("value", "lit"), [(1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (8, 4), (10, 4)])
def test_a_priority_lights_its_bars(value: int, lit: int) -> None:
    assert draw("{% prio value %}", value=value).count('class="on"') == lit


def test_the_small_trail_says_where_it_stands() -> None:
    assert 'aria-label="Agent at work: at work, leg 5 of 6"' in draw("{% trail_mini legs %}", legs=LEGS)
    done = [{**leg, "state": "done"} for leg in LEGS]
    assert 'aria-label="All 6 legs done"' in draw("{% trail_mini legs %}", legs=done)
    stopped = [*done[:1], *({**leg, "state": "todo"} for leg in LEGS[1:])]
    assert 'aria-label="1 of 6 legs done"' in draw("{% trail_mini legs %}", legs=stopped)
    waits = [*done[:4], {**LEGS[4], "state": "person"}, LEGS[5]]
    assert "<path" in draw("{% trail_mini legs %}", legs=waits)
    assert draw("{% trail_mini legs %}", legs=[]) == ""


def test_the_large_trail_widens_with_the_logarithm_and_needs_no_inline_style() -> None:
    html = draw("{% trail legs %}", legs=LEGS)
    assert [html.count(f'data-span="{span}"') for span in (1, 2, 3, 4, 5)] == [2, 2, 1, 0, 1]
    assert "style=" not in html
    assert "2 m 04 s" in html
    assert "not yet" in html


def test_a_time_shows_its_age_and_the_exact_moment_on_hover() -> None:
    html = draw("{% ago moment %}", moment=NOW - timedelta(minutes=12))
    assert "data-ago>12 m ago</time>" in html
    assert 'title="2026-11-20 11:48:00 UTC"' in html
    assert draw("{% ago moment %}", moment=None) == "never"
    assert draw('{% ago moment "" %}', moment=None) == ""


def test_a_moment_of_today_needs_no_date() -> None:
    assert ">11:48<" in draw("{% clock moment %}", moment=NOW - timedelta(minutes=12))
    assert ">2026-11-19 12:00<" in draw("{% clock moment %}", moment=NOW - timedelta(days=1))
    assert ">11:59:59.7<" in draw("{% at moment %}", moment=NOW - timedelta(milliseconds=300))
    assert draw("{% clock none %}{% at none %}", none=None) == ""


def test_sizes_and_durations_say_when_they_are_not_known() -> None:
    assert draw("{% bytes none %}, {% duration none %}", none=None) == "unknown size, not yet"
    assert draw("{% bytes 3123 %}, {% duration 14 %}") == "3.1 kB, 14 ms"


@pytest.mark.parametrize(
    ("used", "total", "step"), [(31, 120, 25), (0, 0, 0), (200, 100, 100), (1, 100, 0), (3, 100, 5)]
)
def test_a_share_comes_in_steps_of_five(used: int, total: int, step: int) -> None:
    assert draw("{{ used|pct:total }}", used=used, total=total) == str(step)


def test_json_is_coloured_escaped_and_marked() -> None:
    html = draw("{% pretty_json data hits %}", data={"a": {"b": NAUGHTY, "c": [1, {}]}, "n": None}, hits=["a.b"])
    assert "<script>" not in html
    assert '<span class="hit"><span class="k">&quot;b&quot;</span>' in html
    assert html.count("hit") == 1
    assert '<span class="n">null</span>' in html


def test_a_tree_shows_expected_and_actual_and_says_when_nothing_was_there() -> None:
    leaf = {"kind": "leaf", "label": NAUGHTY, "holds": False, "expected": "", "actual": "", "children": [], "note": ""}
    html = draw("{% tree node %}", node={"kind": "all", "label": "all", "holds": False, "children": [leaf]})
    assert "<script>" not in html
    assert "is-culprit" in html
    assert "nothing there" in html
    assert draw("{% tree none %}{% reason_list none %}", none=None).strip() == ""


class Form(forms.Form):
    name = forms.CharField(help_text="Short.")
    kind = forms.ChoiceField(choices=[("a", "A")])
    live = forms.BooleanField(required=False)


def test_a_field_with_an_error_is_marked_and_described() -> None:
    html = draw("{{ form.name|control }}", form=Form({"kind": "a"}))
    assert "form-control is-invalid" in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html


def test_fields_get_the_classes_of_their_kind() -> None:
    html = draw("{{ form.kind|control }}{{ form.live|control }} {{ form.live|is_checkbox }}", form=Form())
    assert "form-select" in html
    assert "form-check-input" in html
    assert html.endswith("True")


class Fields(forms.Form):
    body = forms.CharField(required=False, widget=forms.Textarea(attrs={"class": "mono"}))
    among = forms.ChoiceField(required=False, choices=[("", "Any")])


def test_a_field_keeps_the_class_that_its_form_gives_it() -> None:
    assert 'class="form-control mono"' in draw("{{ form.body|control }}", form=Fields())


def test_a_list_whose_first_entry_says_what_leaving_it_means_is_not_called_optional() -> None:
    page = Template('{% include "components/field.html" %}')
    assert "(optional)" in page.render(Context({"field": Fields()["body"]}))
    assert "(optional)" not in page.render(Context({"field": Fields()["among"]}))
