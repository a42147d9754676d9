"""GitHub's payloads as events: what they are about, what changed, and which are one change."""

import copy
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.sources import octokit
from tests.triggers.sources.conftest import At, MakeRaw
from triggers.conditions.facts import EventFacts, Kind
from triggers.enums import Refusal
from triggers.sources import registry
from triggers.sources.base import ParsedEvent, RawDelivery, Refused
from triggers.sources.github.parse import parse
from workspaces.enums import ItemKind

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "webhooks" / "github"

PULL: dict[str, Any] = {
    "action": "opened",
    "number": 12,
    "pull_request": {
        "id": 900,
        "number": 12,
        "state": "open",
        "draft": False,
        "merged": False,
        "title": "Lower the retry limit",
        "body": "As @ana asked, mail ana@example.org for more.",
        "html_url": "https://github.com/acme/pay/pull/12",
        "user": {"login": "ben"},
        "assignee": None,
        "assignees": [],
        "labels": [{"id": 1, "name": "bug"}],
        "head": {"ref": "retry", "sha": "a" * 40},
        "base": {"ref": "main"},
        "updated_at": "2026-11-20T11:00:00Z",
    },
    "repository": {"id": 7, "full_name": "acme/pay", "html_url": "https://github.com/acme/pay"},
    "sender": {"login": "ben"},
}

ANA = {"login": "ana"}


def pull(action: str = "opened", *, more: dict[str, Any] | None = None, **over: Any) -> dict[str, Any]:
    """PULL with another action, other fields of the pull request (``over``) and more at its top."""
    payload = copy.deepcopy(PULL) | {"action": action} | (more or {})
    payload["pull_request"] |= over
    return payload


def only(raw: RawDelivery) -> ParsedEvent:
    events = parse(raw)
    assert len(events) == 1
    return events[0]


def test_a_pull_request_hangs_under_its_repository(github_delivery: MakeRaw) -> None:
    event = only(github_delivery("pull_request", PULL))
    assert event.type == "github.pull_request.opened"
    assert event.item is not None
    assert (event.item.kind, event.item.key) == (ItemKind.PULL_REQUEST, "acme/pay#12")
    assert event.item.parent is not None
    assert (event.item.parent.kind, event.item.parent.key) == (ItemKind.REPOSITORY, "acme/pay")
    assert event.state["status"] == "open"
    assert event.state["labels"] == ["bug"]
    assert event.actor == "ben"
    assert event.facts["mentions"] == ["ana"]
    assert event.facts["kinds"] == [Kind.CREATED, Kind.MENTION]
    assert event.changes == {}
    assert event.external_id == "guid-1"


@pytest.mark.parametrize(
    ("payload", "changes"),
    [
        (pull("closed", state="closed", merged=True), {"status": ["open", "merged"]}),
        (pull("closed", state="closed"), {"status": ["open", "closed"]}),
        (pull("reopened"), {"status": ["closed", "open"]}),
        (pull("converted_to_draft", draft=True), {"status": ["open", "draft"]}),
        (pull("ready_for_review"), {"status": ["draft", "open"]}),
        (pull("labeled", more={"label": {"name": "bug"}}), {"labels": [[], ["bug"]]}),
        (pull("unlabeled", more={"label": {"name": "ui"}}), {"labels": [["bug", "ui"], ["bug"]]}),
        (
            pull("assigned", more={"assignee": ANA}, assignees=[ANA], assignee=ANA),
            {"assignee": ["", "ana"], "assignees": [[], ["ana"]]},
        ),
        (
            pull("unassigned", more={"assignee": {"login": "ana"}}),
            {"assignee": ["ana", ""], "assignees": [["ana"], []]},
        ),
        (
            pull("edited", more={"changes": {"title": {"from": "Old"}, "base": {"ref": {"from": "dev"}}}}),
            {"title": ["Old", "Lower the retry limit"], "base": ["dev", "main"]},
        ),
        (pull("synchronize", more={"before": "b", "after": "c"}), {"head_sha": ["b", "c"]}),
        (pull("locked"), {"locked": [False, True]}),
        (pull("milestoned", more={"milestone": {"title": "M"}}, milestone={"title": "M"}), {"milestone": ["", "M"]}),
        (pull("demilestoned", more={"milestone": {"title": "M"}}), {"milestone": ["M", ""]}),
        (
            pull("review_requested", more={"requested_reviewer": ANA}, requested_reviewers=[ANA]),
            {"reviewers": [[], ["ana"]]},
        ),
        (pull("review_request_removed", more={"requested_reviewer": {"login": "ana"}}), {"reviewers": [["ana"], []]}),
        (pull("review_requested", more={"requested_team": {"name": "all"}}), {}),
        (pull("enqueued"), {}),
    ],
)  # fmt: skip
def test_an_action_says_what_changed(
    github_delivery: MakeRaw, payload: dict[str, Any], changes: dict[str, Any]
) -> None:
    event = only(github_delivery("pull_request", payload))
    assert event.changes == changes
    assert (Kind.STATUS_CHANGE in event.facts["kinds"]) is ("status" in changes)
    assert (Kind.ASSIGNMENT in event.facts["kinds"]) is ("assignee" in changes)


def test_a_comment_on_a_pull_request_belongs_to_it_and_changes_nothing(github_delivery: MakeRaw) -> None:
    payload = {
        "action": "created",
        "issue": {"number": 12, "state": "closed", "pull_request": {"merged_at": "2026-11-20T10:00:00Z"}},
        "comment": {"id": 5, "body": "Well done @ben", "updated_at": "2026-11-20T11:00:00Z"},
        "repository": PULL["repository"],
        "sender": {"login": "ana"},
    }
    event = only(github_delivery("issue_comment", payload))
    assert event.item is not None
    assert event.item.kind == ItemKind.PULL_REQUEST
    assert event.item.key == "acme/pay#12"
    assert event.state["status"] == "merged"
    assert "head_sha" not in event.state
    assert event.changes == {}
    assert event.facts["text"] == "Well done @ben"
    assert event.facts["kinds"] == [Kind.COMMENT, Kind.MENTION]


def test_a_push_carries_its_commits_words(github_delivery: MakeRaw) -> None:
    payload = {
        "ref": "refs/heads/main",
        "before": "a",
        "after": "b",
        "commits": [{"message": "One"}, {"message": "Two"}, 3],
        "head_commit": {"message": "Two\n\nmore"},
        "pusher": {"name": "ben"},
        "repository": PULL["repository"] | {"pushed_at": 1700000000},
    }
    event = only(github_delivery("push", payload))
    assert event.type == "github.push"
    assert event.actor == "ben"
    assert event.facts["title"] == "Two"
    assert event.facts["text"] == "One\n\nTwo"
    assert event.time.year == 2023
    assert event.item is not None
    assert event.item.kind == ItemKind.REPOSITORY
    assert event.state == {}
    assert event.upstream_version == ""


def test_one_change_told_by_two_webhooks_has_one_key_and_two_changes_have_two(github_delivery: MakeRaw) -> None:
    def key(payload: dict[str, Any]) -> str:
        return only(github_delivery("pull_request", payload)).change_key

    assert key(PULL) == key(copy.deepcopy(PULL) | {"organization": {"login": "acme"}})
    one_second = [pull("labeled", more={"label": {"id": number}}) for number in (1, 2)]
    others = [
        pull("closed"),
        pull(updated_at="2026-11-20T11:00:01Z"),
        pull(id=901),
        PULL | {"repository": {"id": 8, "full_name": "acme/other"}},
        pull("edited", more={"changes": {"title": {"from": "a"}}}),
        pull("edited", more={"changes": {"title": {"from": "b"}}}),
        *one_second,
    ]
    assert len({key(payload) for payload in (PULL, *others)}) == 1 + len(others)


def test_a_change_that_cannot_be_told_from_the_next_has_no_key(github_delivery: MakeRaw) -> None:
    payload = {"action": "edited", "release": {"id": 3, "created_at": "2026-11-20T11:00:00Z"}, **PULL["repository"]}
    payload |= {"repository": PULL["repository"]}
    assert only(github_delivery("release", payload)).change_key == ""


def test_a_ping_and_what_is_no_event_are_refused(github_delivery: MakeRaw) -> None:
    for raw, reason in [
        (github_delivery("ping", {"zen": "Keep it logically awesome."}), Refusal.NOT_SUPPORTED),
        (github_delivery("", {}), Refusal.NOT_UNDERSTOOD),
        (github_delivery("Nö", {}), Refusal.NOT_UNDERSTOOD),
        (github_delivery("push", []), Refusal.NOT_UNDERSTOOD),
        (github_delivery("push", b"{"), Refusal.NOT_SAFE_JSON),
    ]:
        with pytest.raises(Refused) as refused:
            parse(raw)
        assert refused.value.reason == reason


def test_the_form_encoding_reads_the_same(github_delivery: MakeRaw) -> None:
    form = b"payload=" + quote(json.dumps(PULL)).encode()
    raw = github_delivery("pull_request", form, **{"content-type": "application/x-www-form-urlencoded"})
    assert only(raw).state == only(github_delivery("pull_request", PULL)).state


def test_hidden_characters_are_gone_from_what_is_shown(github_delivery: MakeRaw) -> None:
    hidden = "a\u200b\u202eb\U000e0041\x1b[31mc"
    event = only(github_delivery("pull_request", pull(title=hidden + "\nnext", body=hidden)))
    assert event.facts["title"] == "ab[31mc next"
    assert event.facts["text"] == "ab[31mc"
    assert event.item is not None
    assert event.item.title == "ab[31mc next"


def test_an_address_that_is_no_web_page_is_not_kept(github_delivery: MakeRaw) -> None:
    event = only(github_delivery("pull_request", pull(html_url="javascript:alert(1)")))
    assert event.item is not None
    assert event.item.url == ""


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(
    event=st.sampled_from(["pull_request", "issues", "push", "issue_comment", "check_run", "repository", "status"]),
    field=st.sampled_from(["action", "pull_request", "issue", "repository", "sender", "comment", "commits", "changes"]),
    value=json_values,
    inner=st.sampled_from(["", *PULL["pull_request"]]),
)
def test_any_value_in_any_field_gives_an_event_or_a_refusal(event: str, field: str, value: Any, inner: str) -> None:
    payload = copy.deepcopy(PULL)
    if inner:
        payload["pull_request"][inner] = value
    else:
        payload[field] = value
    raw = RawDelivery("github", json.dumps(payload).encode(), {"x-github-event": event}, At)
    check(raw)


def check(raw: RawDelivery) -> ParsedEvent | None:
    """Parse, and hold the event against everything that later steps rely on."""
    try:
        events = registry.get("github").parse(raw)
    except Refused:
        return None
    assert len(events) == 1
    event = events[0]
    EventFacts.from_dict({"source": "github", "type": event.type, **event.facts, "changes": event.changes})
    json.dumps([event.state, event.changes, dict(event.data)])
    assert len(event.type) <= 100
    assert len(event.subject) <= 500
    assert len(event.actor) <= 300
    assert len(event.change_key) <= 300
    assert len(event.external_id) <= 300
    assert len(event.upstream_version) <= 64
    if event.item is not None:
        assert event.item.key
        assert len(event.item.key) <= 500
        assert len(event.item.title) <= 300
    assert event.time.tzinfo is not None
    return event


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "yesterday", 10**20, -(10**20), True, None, []]
)
def test_a_time_that_is_none_is_that_of_the_delivery(github_delivery: MakeRaw, at: Any) -> None:
    event = only(github_delivery("pull_request", pull(updated_at=at)))
    assert (event.time, event.upstream_version) == (At, "")


@pytest.mark.octokit
def test_every_example_of_githubs_catalogue_is_an_event_or_a_refusal(github_delivery: MakeRaw) -> None:
    try:
        told = octokit.examples()
    except octokit.NotThere as missing:
        pytest.skip(str(missing))
    read = [(name, check(github_delivery(name, payload))) for name, payload in told]
    assert len(read) > 300
    assert {name for name, event in read if event is None} == {"ping"}
    without_item = {name for name, event in read if event is not None and event.item is None}
    assert "pull_request" not in without_item
    assert "issues" not in without_item


@pytest.mark.shared_data
def test_every_recorded_payload_is_an_event_or_a_refusal(github_delivery: MakeRaw) -> None:
    files = sorted(SAMPLES.glob("*.json"))
    assert files
    for file in files:
        check(github_delivery(file.stem.split("__")[0], file.read_bytes()))
