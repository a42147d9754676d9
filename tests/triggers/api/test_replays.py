"""Replays over the API: one event, one delivery, a window; who may, and what is refused with which code."""

from typing import Any

import pytest

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, WrittenOut, make_delivery, make_jira, make_trigger
from tests.factories.world import make_world
from tests.triggers.api.test_triggers import Caller, paths
from triggers.enums import Origin, Refusal
from triggers.models import BulkReplay, Delivery, Event, Replay
from triggers.services.decide.pending import decide_pending
from triggers.sources import registry

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"
WINDOW = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}


@pytest.fixture(autouse=True)
def written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, WrittenOut.kind, WrittenOut())


@pytest.fixture
def developer() -> Caller:
    return Caller(make_user(role=Role.DEVELOPER))


def code_of(response: Any) -> str:
    return str(response.json()["type"].rsplit("/", 1)[-1])


def test_an_event_is_replayed_in_a_manner_and_says_so(developer: Caller) -> None:
    trigger = make_trigger()
    make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    first = Event.objects.get()
    wanted = {"trigger": trigger.pk, "revision": "then", "draft": True, "priority": 8, "edit": {"data": {"n": 1}}}

    answer = developer.post(f"{V1}events/{first.pk}/replay/", **wanted)

    assert answer.status_code == 202
    decide_pending(now=NOON)
    event = Event.objects.get(origin=Origin.REPLAY)
    told = {"event": first.pk, "delivery": None, "revision": "then", "draft": True, "priority": 8, "bulk": None}
    assert developer.get(f"{V1}events/{event.pk}/").json()["replay"] == {**told, "edited": ["data.n"]}
    assert developer.get(f"{V1}deliveries/{event.delivery_id}/").json()["replay"] == {**told, "edited": ["data.n"]}
    assert developer.get(f"{V1}events/{first.pk}/").json()["replay"] is None


@pytest.mark.parametrize("wanted", [{"priority": 8}, {"bypass_cooldown": True}])
def test_a_ceo_sets_no_high_priority_and_no_cooldown_aside(wanted: dict[str, Any]) -> None:
    world = make_world(make_user(role=Role.CEO))
    caller = Caller(world.owner)
    assert caller.post(f"{V1}events/{world.event.pk}/replay/", **wanted).status_code == 403
    assert caller.post(f"{V1}events/{world.event.pk}/replay/", priority=7).status_code == 202


def test_an_edit_that_is_none_is_refused_with_its_path(developer: Caller) -> None:
    world = make_world(make_user())
    response = developer.post(f"{V1}events/{world.event.pk}/replay/", edit={"facts": {"text": 5}, "actor": "x"})
    assert (response.status_code, paths(response)) == (400, {"edit.facts.text", "edit.actor"})
    assert not Replay.objects.exists()


def test_a_trigger_of_later_has_no_revision_of_then(developer: Caller) -> None:
    world = make_world(make_user())
    later = make_trigger(connection=world.connection)
    response = developer.post(f"{V1}events/{world.event.pk}/replay/", trigger=later.pk, revision="then")
    assert (response.status_code, code_of(response)) == (409, "cannot-replay")


def test_a_refused_delivery_comes_in_again_and_one_that_was_not_signed_never_does(developer: Caller) -> None:
    bad = make_delivery(make_jira(), {"raise": "a bug"})
    forged = make_delivery(make_jira(), rejection=Refusal.BAD_SIGNATURE)
    decide_pending(now=NOON)

    answer = developer.post(f"{V1}deliveries/{bad.pk}/replay/")
    refused = developer.post(f"{V1}deliveries/{forged.pk}/replay/")

    assert answer.status_code == 202
    assert developer.get(f"{V1}deliveries/{answer.json()['delivery']}/").json()["replay"]["delivery"] == bad.pk
    assert (refused.status_code, code_of(refused)) == (409, "never-replayable")
    assert Delivery.objects.count() == 3


def test_a_window_is_previewed_and_begun_with_what_the_preview_answered(developer: Caller) -> None:
    trigger = make_trigger()
    for _ in range(3):
        make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    wish = {**WINDOW, "trigger": trigger.pk, "concurrency": 2, "revision": "then", "draft": True}

    seen = developer.post(f"{V1}bulk-replays/preview/", **wish).json()
    confirmed = {"count": seen["count"], "confirmation": seen["confirmation"]}
    other = developer.post(f"{V1}bulk-replays/", **{**wish, "draft": False}, **confirmed)
    begun = developer.post(f"{V1}bulk-replays/", **wish, **confirmed)

    assert (seen["count"], len(seen["sample"])) == (3, 3)
    assert (other.status_code, code_of(other)) == (409, "preview-changed")
    assert begun.status_code == 201
    row = BulkReplay.objects.get()
    assert developer.get(f"{V1}bulk-replays/{row.pk}/").json() == begun.json()
    assert begun.json()["done"] == 0
    assert begun.json()["by"] == row.created_by.username
    assert developer.get(f"{V1}events/?bulk_replay={row.pk}").json()["results"] == []
    first, again, _ = Event.objects.order_by("pk")
    Replay.objects.create(delivery_id=again.delivery_id or 0, event_id=first.pk, bulk=row)
    found = developer.get(f"{V1}events/?bulk_replay={row.pk}").json()["results"]
    assert [one["id"] for one in found] == [again.pk]


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"since": "2026-11-22T00:00:00Z"}, "until"),
        ({"concurrency": 0}, "concurrency"),
        ({"answer": "error"}, "answer"),
        ({"kind": "deliveries", "type": "x"}, "kind"),
        ({"trigger": 987_654}, "trigger"),
        ({"connection": 987_654}, "connection"),
        ({"item": 987_654}, "item"),
        ({"speed": 5}, "speed"),
    ],
)
def test_a_wrong_wish_names_its_field(developer: Caller, over: dict[str, Any], path: str) -> None:
    response = developer.post(f"{V1}bulk-replays/preview/", **{**WINDOW, **over})
    assert (response.status_code, paths(response)) == (400, {path})


def test_it_is_paused_gone_on_with_and_cancelled(developer: Caller) -> None:
    world = make_world(make_user())
    address = f"{V1}bulk-replays/{world.bulk.pk}/"
    for act, status in (("resume", "running"), ("pause", "paused"), ("cancel", "cancelled")):
        assert developer.post(f"{address}{act}/").json()["status"] == status
    assert developer.post(f"{address}resume/").status_code == 409
    assert developer.get(f"{V1}bulk-replays/").json()["results"][0]["status"] == "cancelled"


def test_a_ceo_begins_nothing_with_a_trigger_of_another() -> None:
    owner = make_user(role=Role.CEO)
    world, others = make_world(owner), make_world(make_user())
    caller = Caller(owner)
    foreign = caller.post(f"{V1}bulk-replays/preview/", **WINDOW, trigger=others.trigger.pk)
    high = caller.post(f"{V1}bulk-replays/", **WINDOW, priority=9, count=1, confirmation="x")
    assert (foreign.status_code, paths(foreign)) == (400, {"trigger"})
    assert high.status_code == 403
    assert caller.get(f"{V1}bulk-replays/{others.bulk.pk}/").status_code == 404
    assert caller.get(f"{V1}bulk-replays/{world.bulk.pk}/").status_code == 200
