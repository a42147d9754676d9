"""Triggers over the API: drafted, published, paused, fired, rolled back; and who may raise a priority."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from guardian.shortcuts import assign_perm

from accounts.enums import Role, Source, Toggle
from accounts.models import FeatureToggle, User
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.executions import make_event
from tests.factories.triggers import ANYTHING, make_jira, make_listener, make_trigger
from tests.factories.workspaces import make_connection, make_item
from triggers.models import Delivery, Trigger
from triggers.services.backtest.aside import Busy, aside
from triggers.services.backtest.wire import Broken

pytestmark = pytest.mark.django_db
TRIGGERS = "/api/v1/triggers/"


class Caller:
    """A signed-in person who sends and gets JSON."""

    def __init__(self, user: User) -> None:
        self.client = Client()
        self.client.force_login(user)

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, data=json.dumps(body), content_type="application/json")

    def patch(self, path: str, **body: Any) -> Any:
        return self.client.patch(path, data=json.dumps(body), content_type="application/json")


@pytest.fixture
def owner() -> User:
    return make_user(role=Role.CEO)


@pytest.fixture
def caller(owner: User) -> Caller:
    return Caller(owner)


def paths(response: Any) -> set[str]:
    return {error["path"] for error in response.json()["errors"]}


def test_a_trigger_is_made_published_and_shown_by_its_parts(caller: Caller, owner: User) -> None:
    connection = make_jira(owner=owner)
    item = make_item(connection=connection, state={"status": "open"})
    profile = make_profile(owner=owner)
    made = caller.post(
        TRIGGERS,
        name="Answer",
        listeners=[{"context_item_id": item.pk}],
        conditions=ANYTHING,
        agent={"profile_id": profile.pk},
        deliverables=[{"name": "digest", "kind": "file_created", "target": "feedback/digest.md"}],
        limits={"cooldown_s": 60},
    )
    assert (made.status_code, made.json()["status"], made.json()["published_revision"]) == (201, "new", None)
    path = f"{TRIGGERS}{made.json()['id']}/"
    published = caller.post(f"{path}publish/", note="First")
    assert published.status_code == 200
    shown = caller.get(path).json()
    assert (shown["name"], shown["status"], shown["published_revision"]) == ("Answer", "active", 1)
    assert shown["has_unpublished_changes"] is False
    (heard,) = shown["listeners"]
    assert (heard["context_item_id"], heard["last_known_state"], heard["status"]) == (
        item.pk,
        {"status": "open"},
        "healthy",
    )
    assert heard["polling_interval_ms"] == 60_000
    assert shown["limits"] == {"cooldown_s": 60}
    assert shown["execution_history"] == f"/api/v1/executions/?trigger={shown['id']}"
    revisions = caller.get(f"{path}revisions/").json()["results"]
    assert [(row["number"], row["note"]) for row in revisions] == [(1, "First")]


def test_a_plain_list_of_conditions_is_kept(caller: Caller) -> None:
    response = caller.post(TRIGGERS, conditions=[{"type": "mention", "config": {}}])
    assert response.status_code == 201


def test_an_unfinished_draft_is_kept_and_publishing_tells_all_that_is_missing(caller: Caller) -> None:
    made = caller.post(TRIGGERS, name="Half")
    assert made.status_code == 201
    response = caller.post(f"{TRIGGERS}{made.json()['id']}/publish/")
    assert response.status_code == 400
    assert {"listeners", "agent.profile_id"} <= paths(response)


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"limits": {"cooldown_s": "soon"}}, "limits.cooldown_s"),
        ({"limits": {"cooldown": 5}}, "limits.cooldown"),
        ({"limits": {"cooldown_s": 5, "cooldown_by": "person"}}, "limits.cooldown_by"),
        ({"listeners": [{"polling_interval_ms": 5}]}, "listeners[0].polling_interval_ms"),
        ({"conditions": {"any": [{"type": "no_such"}]}}, "conditions.any[0]"),
        ({"deliverables": [{"name": "x", "kind": "file_created", "target": 5}]}, "deliverables[0].target"),
        ({"workspace": {"deploy": "later"}}, "workspace.deploy"),
    ],
)
def test_what_is_wrong_in_a_part_is_told_by_its_path(caller: Caller, part: dict[str, Any], path: str) -> None:
    response = caller.post(TRIGGERS, **part)
    assert response.status_code == 400
    assert any(found.startswith(path) for found in paths(response)), paths(response)
    assert not Trigger.objects.exists()


def test_a_change_replaces_only_the_parts_that_are_sent(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner, limits={"cooldown_s": 5})
    path = f"{TRIGGERS}{trigger.pk}/"
    shown = caller.patch(path, name="Another").json()
    assert (shown["name"], shown["limits"], shown["has_unpublished_changes"]) == ("Another", {"cooldown_s": 5}, True)
    assert Trigger.objects.get().name == trigger.name


def test_what_a_revision_changed_is_told_against_any_other(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner, name="First")
    for name in ("Second", "Third"):
        caller.patch(f"{TRIGGERS}{trigger.pk}/", name=name)
        caller.post(f"{TRIGGERS}{trigger.pk}/publish/")
    revisions = f"{TRIGGERS}{trigger.pk}/revisions"
    assert caller.get(f"{revisions}/3/diff/").json() == {
        "older": 2,
        "newer": 3,
        "differences": [{"path": "name", "before": "Second", "after": "Third"}],
    }
    told = caller.get(f"{revisions}/1/diff/?against=3").json()
    assert [told["older"], told["newer"], told["differences"][0]["before"]] == [3, 1, "Third"]
    first = caller.get(f"{revisions}/1/diff/").json()
    assert first["older"] == 0
    assert {"path": "name", "before": None, "after": "First"} in first["differences"]
    assert caller.get(f"{revisions}/1/diff/?against=9").status_code == 404
    assert caller.get(f"{revisions}/9/diff/").status_code == 404
    refused = caller.get(f"{revisions}/1/diff/?against=soon")
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (400, "against")


def test_only_those_who_may_set_a_high_priority(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    path = f"{TRIGGERS}{trigger.pk}/"
    assert caller.post(TRIGGERS, name="High", priority=8).status_code == 403
    assert caller.patch(path, priority=9).status_code == 403
    assert caller.patch(path, priority=7).status_code == 200
    support = Caller(make_user(role=Role.SUPPORT))
    assert support.patch(path, priority=9).status_code == 200
    # It stands by somebody who might; changing something else is nobody's raising it.
    assert caller.patch(path, name="Still high").status_code == 200
    assert caller.post(f"{path}publish/").status_code == 403
    assert support.post(f"{path}publish/").status_code == 200


def test_rolling_back_to_a_high_priority_takes_the_same_right(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner, priority=9)
    path = f"{TRIGGERS}{trigger.pk}/"
    assert caller.patch(path, priority=5).status_code == 200
    assert caller.post(f"{path}publish/").status_code == 200
    assert caller.post(f"{path}rollback/", revision=1).status_code == 403
    assert caller.post(f"{path}rollback/", revision=2).status_code == 200
    assert caller.post(f"{path}rollback/", revision=77).status_code == 404


def test_firing_by_hand_asks_for_a_run_and_bypassing_the_cooldown_takes_a_right(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    path = f"{TRIGGERS}{trigger.pk}/fire/"
    fired = caller.post(path)
    assert fired.status_code == 202
    assert Delivery.objects.get(pk=fired.json()["delivery"]).origin == "manual"
    assert caller.post(path, bypass_cooldown=True).status_code == 403
    caller.post(f"{TRIGGERS}{trigger.pk}/pause/", reason="Holiday")
    paused = caller.post(path)
    assert (paused.status_code, paused.json()["code"]) == (409, "cannot_fire")


def test_a_card_that_the_caller_may_not_see_cannot_be_fired_for(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    response = caller.post(f"{TRIGGERS}{trigger.pk}/fire/", context_item_id=make_item().pk)
    assert (response.status_code, paths(response)) == (400, {"context_item_id"})


def test_pausing_is_shown_with_its_reason_and_resuming_ends_it(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    path = f"{TRIGGERS}{trigger.pk}/"
    paused = caller.post(f"{path}pause/", reason="Holiday").json()
    assert (paused["status"], paused["pause_reason"]) == ("paused", "Holiday")
    assert caller.post(f"{path}resume/").json()["status"] == "active"
    assert caller.post(f"{path}shadow/").json()["status"] == "shadow"
    assert caller.post(f"{path}activate/").json()["status"] == "active"
    assert caller.post(f"{path}disable/").json()["status"] == "disabled"


def test_what_was_never_published_cannot_be_resumed_or_paused(caller: Caller) -> None:
    made = caller.post(TRIGGERS, name="New").json()
    response = caller.post(f"{TRIGGERS}{made['id']}/pause/")
    assert (response.status_code, response.json()["code"]) == (409, "not_published")


def test_a_deleted_trigger_is_gone_and_its_decisions_stay(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    assert caller.client.delete(f"{TRIGGERS}{trigger.pk}/").status_code == 204
    assert caller.get(f"{TRIGGERS}{trigger.pk}/").status_code == 404
    assert Trigger.objects.filter(pk=trigger.pk).exists()


def test_the_state_of_a_card_that_the_caller_may_not_see_stays_hidden() -> None:
    trigger = make_trigger(item=make_item(state={"status": "secret"}))
    guest = make_user(role=Role.CEO)
    assign_perm("triggers.view_trigger", guest, trigger)
    (heard,) = Caller(guest).get(f"{TRIGGERS}{trigger.pk}/").json()["listeners"]
    assert (heard["last_known_state"], heard["id"]) == (None, None)


def test_while_the_feature_is_off_nobody_changes_a_trigger() -> None:
    FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)
    trigger = make_trigger()
    response = Caller(make_user(is_superuser=True)).post(f"{TRIGGERS}{trigger.pk}/pause/")
    assert (response.status_code, response.json()["code"]) == (403, "feature_disabled")


PULL_REQUEST = {
    "action": "opened",
    "repository": {"full_name": "harbor/ferry-api"},
    "pull_request": {"number": 7, "title": "Retry", "state": "open", "updated_at": "2026-11-20T11:00:00Z"},
    "sender": {"login": "mona"},
}


def test_a_draft_is_tried_on_a_pasted_payload_and_nothing_happens(caller: Caller, owner: User) -> None:
    github = make_connection(source=Source.GITHUB, owner=owner)
    make_listener(connection=github)
    opened = {
        "all": [{"type": "field", "config": {"path": "event.type", "operator": "prefix", "value": "github.pull"}}]
    }
    trigger = make_trigger(connection=github, owner=owner, conditions=opened)
    payload = {"connection_id": github.pk, "json": PULL_REQUEST, "headers": {"X-GitHub-Event": "pull_request"}}
    answer = caller.post(f"{TRIGGERS}{trigger.pk}/test/", payload=payload).json()
    assert answer["counts"] == {"fired": 1}
    (one,) = answer["results"]
    assert (one["event"], one["type"], one["outcome"]) == (None, "github.pull_request.opened", "fired")
    assert one["because"]["children"][0]["actual"] == "github.pull_request.opened"
    assert not Delivery.objects.exists()


def test_a_draft_is_tried_on_the_last_events_or_on_chosen_ones(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    event = make_event(make_item(connection=trigger.listeners.get().connection))
    path = f"{TRIGGERS}{trigger.pk}/test/"
    assert [one["event"] for one in caller.post(path).json()["results"]] == [event.pk]
    assert caller.post(path, events=[event.pk], revision=1).json()["counts"] == {"fired": 1}
    assert caller.post(path, revision=9).status_code == 404
    assert paths(caller.post(path, events=[event.pk + 1])) == {"events"}
    assert paths(caller.post(path, events=[event.pk], last=5)) == {"events"}
    assert paths(caller.post(path, payload={"connection_id": 1})) == {"payload.json"}


def test_a_payload_without_an_event_is_told_so(caller: Caller, owner: User) -> None:
    github = make_connection(source=Source.GITHUB, owner=owner)
    make_listener(connection=github)
    trigger = make_trigger(connection=github, owner=owner)
    refused = caller.post(
        f"{TRIGGERS}{trigger.pk}/test/",
        payload={"connection_id": github.pk, "text": "no json", "headers": {"X-GitHub-Event": "push"}},
    )
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (400, "no-event")


def test_a_draft_is_tried_on_a_window_of_history(caller: Caller, owner: User) -> None:
    trigger = make_trigger(owner=owner)
    event = make_event(make_item(connection=trigger.listeners.get().connection))
    path = f"{TRIGGERS}{trigger.pk}/backtest/"
    window = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}
    answer = caller.post(path, **window).json()
    assert answer["found"] == [{"event": event.pk, "mark": "same", "over_at": None}]
    assert {name: answer[name] for name in ("seen", "percent", "fired", "gained", "lost", "same", "cursor")} == {
        "seen": 1,
        "percent": 100,
        "fired": 1,
        "gained": 0,
        "lost": 0,
        "same": 1,
        "cursor": "",
    }
    assert answer["queue"]["durations"] == 0
    assert {answer["queue"][name] for name in ("old", "left_out", "joined", "displaced")} == {0}
    assert (answer["storms"], answer["storm_at"]) == (0, None)
    waits = {"after": {"type": "trust_tier", "config": {"at_least": "open"}}, "within_s": 60}
    silent = {"type": "absence", "config": {**waits, "without": {"type": "new_message", "config": {}}}}
    Trigger.objects.update(draft={**trigger.draft, "conditions": {"all": [silent]}})
    silence = caller.post(path, **window).json()
    over_at = (event.accepted_at + timedelta(seconds=60)).isoformat()
    assert silence["found"][0] == {"event": event.pk, "mark": "gained", "over_at": over_at}
    told = {name: silence[name] for name in ("silences", "unwatched", "still_running", "earlier", "is_earlier_cut")}
    assert told == {"silences": 1, "unwatched": 0, "still_running": 0, "earlier": 0, "is_earlier_cut": False}
    assert caller.post(path, **window, revision=1).json()["compared_with"] == 1
    assert caller.post(path, **window, revision=9).status_code == 404
    assert paths(caller.post(path, since=window["until"], until=window["since"])) == {"until"}
    stale = caller.post(path, **window, cursor="nonsense")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_cursor")


@pytest.mark.parametrize(
    ("why", "status", "code", "retry"),
    [
        (Busy("A back-test of yours is being worked on."), 429, "rate_limited", "2"),
        (Broken("It ended."), 503, "broken_off", "1"),
    ],
)
def test_a_slice_that_nobody_works_on_says_when_to_ask_again(
    caller: Caller, owner: User, monkeypatch: pytest.MonkeyPatch, why: Exception, status: int, code: str, retry: str
) -> None:
    def refuse(**_: object) -> None:
        raise why

    monkeypatch.setattr(aside, "backtest", refuse)
    trigger = make_trigger(owner=owner)
    window = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}
    answer = caller.post(f"{TRIGGERS}{trigger.pk}/backtest/", **window)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (status, code, retry)
    assert answer.json()["detail"] == str(why)
