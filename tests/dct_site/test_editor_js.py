"""The trigger editor in a real browser: what is stored comes back unchanged, and every edit saves the draft."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.template import Context, Template
from playwright.sync_api import Browser, Page, Route, expect

from tests.dct_site.live_stub import LiveStub
from tests.dct_site.test_live_js import browser as browser  # One Chromium serves this module too.
from tests.dct_site.test_live_js import wait_until, whole_page
from triggers.conditions.schema import catalogue

pytestmark = [pytest.mark.one_pass, pytest.mark.browser, pytest.mark.unmeasured]

STORED = {
    "all": [
        {"type": "new_comment", "version": 1, "config": {"min_length": 0, "contains_keywords": ["a", "b"]}},
        {"any": [{"type": "field", "version": 1, "config": {"path": "data.n", "operator": "in", "value": ["x", 3]}}]},
        {
            "none": [
                {"type": "field", "version": 1, "config": {"path": "data.draft", "operator": "equals", "value": True}}
            ]
        },
        {"type": "moon_phase", "version": 2, "config": {"full": True}},
        {
            "type": "sequence",
            "version": 1,
            "config": {
                "first": {"any": [{"type": "sender", "version": 1, "config": {"allow": ["ana"]}}]},
                "then": {"all": [{"none": [{"type": "assignee_change", "version": 1, "config": {}}]}]},
                "within_s": 60,
                "per": "item",
            },
        },
    ]
}
PROBLEM = {
    "path": "conditions.all[0].config.min_length",
    "message": "conditions.all[0].config.min_length must be a number.",
}
EDITOR = """{% load dct %}<section data-editor>
<form id="draft" hx-post="/draft" hx-trigger="dct:edited delay:100ms, dct:save" hx-target="#draft-state"
      hx-swap="morph:outerHTML" hx-sync="this:replace">
<a role="tab" id="tab-c" href="#c" aria-controls="c" aria-selected="false">Conditions</a>
<a role="tab" id="tab-l" href="#l" aria-controls="l" aria-selected="true">Limits</a>
<div role="tabpanel" id="c" aria-labelledby="tab-c">{% condition_editor conditions catalogue %}</div>
<div role="tabpanel" id="l" aria-labelledby="tab-l">
<input name="general-priority"><input name="limits-rate_limit"><input name="limits-rate_limit_s">
<input name="deliverables-0-pattern"></div></form>
<div id="draft-state">
{% for one in problems %}<button type="button" data-go-to="{{ one.path }}">{{ one.message }}</button>{% endfor %}
{{ problems|json_script:"draft-problems" }}
{{ node|sample_marks|json_script:"draft-marks" }}</div></section>"""


@pytest.fixture
def stub() -> Iterator[LiveStub]:
    node = {
        "path": "",
        "holds": True,
        "actual": "2 of 4 hold",
        "children": [{"path": "/all/1", "holds": None, "note": "gone"}],
    }
    context = {"conditions": STORED, "catalogue": catalogue(), "problems": [PROBLEM], "node": node}
    stub = LiveStub(whole_page(Template(EDITOR).render(Context(context))))
    yield stub
    stub.stop()


@pytest.fixture
def page(browser: Browser, stub: LiveStub) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(stub.url)
    expect(page.locator("[data-live-dot]")).to_have_text("Live")
    yield page
    context.close()


def saved(page: Page, stub: LiveStub) -> Any:
    """The conditions of the last draft that reached the server, once nothing is left to save."""
    wait_until(page, lambda: bool(stub.posted))
    expect(page.locator("#draft[data-unsaved]")).to_have_count(0)
    path, body = stub.posted[-1]
    assert path == "/draft"
    return json.loads(parse_qs(body)["conditions"][0])


def test_what_is_stored_comes_back_unchanged(page: Page, stub: LiveStub) -> None:
    page.locator("[data-conditions] input:visible").first.focus()
    page.keyboard.press("Control+s")
    assert saved(page, stub) == STORED


TWICE_SPELT = {
    "any": [
        {"type": "field", "version": 1, "config": {"path": "data.n", "operator": operator, "value": value}}
        for operator, value in (
            ("equals", "42"),
            ("equals", "true"),
            ("equals", "null"),
            ("equals", ""),
            ("equals", " "),
            ("equals", " 7 "),
            ("equals", '"quoted"'),
            ("equals", "NaN"),
            ("equals", 4.5),
            ("in", ["42", 42, "a, b"]),
            ("matches", "[0-9]"),
            ("matches", "[1]"),
            ("matches", "404"),
            ("prefix", '"'),
            ("suffix", '""'),
        )
    ]
    + [
        {"type": "string_match", "version": 1, "config": {"contains_keywords": words}}
        for words in (["Hello, world", "b"], [" a"], ["[1]"], ["[1]", "b"], ["1", "true"])
    ]
    + [{"type": "sender", "version": 1, "config": {"allow": ["Doe, Jane <jane@example.com>"]}}]
    + [{"type": "count", "version": 1, "config": {"at_least": 3, "within_s": 60, "per": "moon"}}]
}


def test_what_is_spelt_like_something_else_comes_back_unchanged(page: Page, stub: LiveStub) -> None:
    context = {"conditions": TWICE_SPELT, "catalogue": catalogue(), "problems": [], "node": None}
    stub.page = whole_page(Template(EDITOR).render(Context(context)))
    page.goto(stub.url)
    page.locator("[data-conditions] input:visible").first.focus()
    page.keyboard.press("Control+s")
    assert saved(page, stub) == TWICE_SPELT


@pytest.mark.parametrize(
    ("operator", "typed", "read"),
    [
        ("equals", "42", 42),
        ("equals", '"42"', "42"),
        ("in", "a, b", ["a", "b"]),
        ("in", '["a, b"]', ["a, b"]),
        ("matches", "404", "404"),
        ("prefix", "true", "true"),
    ],
)
def test_what_is_typed_is_read_as_the_operator_wants_it(
    page: Page, stub: LiveStub, operator: str, typed: str, read: Any
) -> None:
    leaf = page.locator("[data-type=field]").first
    leaf.locator("[data-config=operator]").select_option(operator)
    leaf.locator("[data-config=value]").fill(typed)
    assert saved(page, stub)["all"][1]["any"][0]["config"]["value"] == read


def test_an_added_condition_is_saved_where_it_was_added(page: Page, stub: LiveStub) -> None:
    page.locator("[data-add-leaf]").first.select_option("mention")
    page.locator("[data-type=mention] [data-config=who]").fill("ann, bob")
    assert saved(page, stub)["all"][1]["any"][1] == {"type": "mention", "version": 1, "config": {"who": ["ann", "bob"]}}


def test_a_group_changes_its_kind_and_a_condition_can_be_removed(page: Page, stub: LiveStub) -> None:
    page.locator("[data-combine=any]").first.click()
    page.locator("[data-type=new_comment] [data-remove]").click()
    assert saved(page, stub) == {"any": STORED["all"][1:]}


def test_a_condition_moves_by_keyboard(page: Page, stub: LiveStub) -> None:
    page.locator("[data-type=new_comment] input").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    assert [next(iter(node)) for node in saved(page, stub)["all"]] == ["any", "type", "none", "type", "type"]


def test_a_problem_stands_at_its_place_without_its_path(page: Page) -> None:
    expect(page.locator("[data-type=new_comment] [data-problem]")).to_have_text("min_length must be a number.")
    expect(page.locator("[data-type=moon_phase] [data-problem]")).to_be_hidden()


def test_the_field_at_fault_is_marked_though_it_is_folded_away(page: Page) -> None:
    leaf = page.locator("[data-type=new_comment]")
    expect(leaf.locator("[data-config=min_length]")).to_have_attribute("aria-invalid", "true")
    expect(leaf.locator("[data-config=min_length]")).to_be_visible()
    expect(leaf.locator("[data-config=from_user]")).not_to_have_attribute("aria-invalid", "true")


def shows(page: Page, stub: LiveStub, *problems: dict[str, str]) -> None:
    """The page with these problems."""
    context = {"conditions": STORED, "catalogue": catalogue(), "problems": problems, "node": None}
    stub.page = whole_page(Template(EDITOR).render(Context(context)))
    page.goto(stub.url)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("conditions.all[0].config.min_length", "[data-type=new_comment] [data-config=min_length]"),
        ("conditions.all[1].any[0].config.value[1]", "[data-type=field] [data-config=value]"),
        ("conditions.all[4].config.first.any[0].config.allow", "[data-type=sender] [data-config=allow]"),
        ("conditions.all[3].type", "[data-type=moon_phase] button"),
        ("priority", "[name=general-priority]"),
        ("limits.rate_limit", "[name=limits-rate_limit]"),
        ("limits.rate_limit_s", "[name=limits-rate_limit_s]"),
        ("deliverables[0].rules.pattern", "[name=deliverables-0-pattern]"),
    ],
)
def test_a_problem_leads_to_the_field_where_it_is_mended(page: Page, stub: LiveStub, path: str, field: str) -> None:
    shows(page, stub, {"path": path, "message": f"{path} is wrong."})
    page.get_by_role("button", name=f"{path} is wrong.").click()
    expect(page.locator(field).first).to_be_focused()


def test_a_wrong_field_of_a_form_is_marked_for_all_and_no_other_one(page: Page, stub: LiveStub) -> None:
    shows(page, stub, {"path": "priority", "message": "x"}, {"path": "limits.rate_limit", "message": "y"})
    marked = page.locator("#l [aria-invalid=true]")
    assert [one.get_attribute("name") for one in marked.all()] == ["general-priority", "limits-rate_limit"]


def test_a_path_is_chosen_from_those_of_the_sample_and_what_is_usual_is_said(page: Page) -> None:
    expect(page.locator("[data-type=field] [data-config=path]").first).to_have_attribute("list", "sample-paths")
    usual = page.locator("[data-type=sequence] [data-config=per] option").first
    expect(usual).to_have_text("item, unless chosen")


def test_the_marks_show_what_the_sample_said(page: Page) -> None:
    marks = page.locator("[data-node=group] > .node > [data-mark]")
    expect(marks.nth(0)).to_have_attribute("title", "Holds")
    expect(marks.nth(1)).to_have_attribute("title", "Cannot tell")
    expect(marks.nth(2)).to_have_attribute("title", "No sample yet")


def test_an_unsaved_change_is_marked_until_the_server_has_it(page: Page) -> None:
    on_the_way: list[Route] = []

    def hold(route: Route) -> None:
        on_the_way.append(route)

    page.route("**/draft", hold)
    page.locator("[data-type=new_comment] [data-config=contains_keywords]").fill("c")
    wait_until(page, lambda: bool(on_the_way))
    expect(page.locator("#draft[data-unsaved]")).to_have_count(1)
    on_the_way.pop().continue_()
    expect(page.locator("#draft[data-unsaved]")).to_have_count(0)


def test_a_tree_inside_a_leaf_is_edited_like_the_one_around_it(page: Page, stub: LiveStub) -> None:
    inside = page.get_by_role("group", name="First", exact=True)
    choice = inside.get_by_label("Add a condition to this group")
    offered = choice.evaluate("(select) => [...select.options].map((option) => option.value)")
    assert "mention" in offered
    assert not {"count", "sequence", "absence"} & set(offered)
    choice.select_option("thread_reply")
    first = saved(page, stub)["all"][4]["config"]["first"]
    assert [node["type"] for node in first["any"]] == ["sender", "thread_reply"]
