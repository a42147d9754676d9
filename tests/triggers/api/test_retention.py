"""Retention over the API: who may change it, and what is said of contents that are no longer kept."""

from typing import Any

import pytest

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.executions import make_event
from tests.factories.world import NOON, World, make_world
from tests.triggers.api.test_triggers import Caller, paths
from triggers.models import Decision, Delivery, Event, Execution, Firing, Retention
from triggers.services.keeping.clearing import EVENTS

pytestmark = pytest.mark.django_db
V1 = "/api/v1/"
SINCE = "no longer kept, since 2026-11-20 12:00 UTC."


@pytest.fixture
def world() -> World:
    return make_world(make_user(role=Role.CEO))


@pytest.fixture
def developer() -> Caller:
    return Caller(make_user(role=Role.DEVELOPER))


def purge(world: World) -> None:
    Delivery.objects.filter(pk=world.delivery.pk).update(body=b"", headers={}, purged_at=NOON)
    Event.objects.filter(pk=world.event.pk).update(facts={}, data={}, changes={}, before={}, purged_at=NOON)
    Decision.objects.filter(pk=world.decision.pk).update(because={}, facts={}, detail="", purged_at=NOON)


def test_developers_change_what_holds_everywhere_and_for_one_connection(developer: Caller, world: World) -> None:
    own = f"{V1}connections/{world.connection.pk}/retention/"
    everywhere = developer.patch(f"{V1}retention/", deliveries_days=14).json()
    changed = developer.patch(own, events_days=400)

    assert (everywhere["connection_id"], everywhere["deliveries_days"], everywhere["events_days"]) == (None, 14, None)
    assert changed.json() == developer.get(own).json()
    assert changed.json()["connection_id"] == world.connection.pk
    holds = {"deliveries_days": 14, "events_days": 400, "decisions_days": 365, "tombstones_days": 400}
    assert changed.json()["holds"] == holds
    assert developer.patch(own, tombstones_days=500).json()["holds"]["tombstones_days"] == 500
    assert developer.patch(own, events_days=None).json()["holds"]["events_days"] == 90


@pytest.mark.parametrize("role", [Role.CEO, Role.SUPPORT])
def test_others_look_at_it_and_do_not_change_it(role: Role) -> None:
    world = make_world(make_user(role=role))
    caller = Caller(world.owner)
    for address in (f"{V1}retention/", f"{V1}connections/{world.connection.pk}/retention/"):
        assert caller.get(address).json()["holds"]["events_days"] == 90
        assert caller.patch(address, events_days=1).status_code == 403
    assert not Retention.objects.exists()


@pytest.mark.parametrize("value", [0, 36_501, "7", 1.5, True])
def test_what_is_no_number_of_days_is_a_400_at_its_field(developer: Caller, value: Any) -> None:
    response = developer.patch(f"{V1}retention/", events_days=value)
    assert (response.status_code, paths(response)) == (400, {"events_days"})


def test_tombstones_stay_for_a_month_at_least(developer: Caller) -> None:
    response = developer.patch(f"{V1}retention/", tombstones_days=29)
    assert (response.status_code, paths(response)) == (400, {"tombstones_days"})
    assert developer.patch(f"{V1}retention/", tombstones_days=30).status_code == 200


def test_an_event_whose_tombstone_is_gone_is_not_there(developer: Caller, world: World) -> None:
    number = world.event.pk
    Event.objects.filter(pk=number).update(purged_at=NOON)
    Execution.objects.filter(event=number).update(event=make_event())
    Firing.objects.filter(event=number).delete()
    Decision.objects.filter(event=number).update(purged_at=NOON)
    assert developer.get(f"{V1}events/{number}/explain/").status_code == 200

    assert EVENTS.clear([number]) == 1

    assert developer.get(f"{V1}events/{number}/").status_code == 404
    assert developer.get(f"{V1}events/{number}/explain/").status_code == 404


def test_a_change_of_what_somebody_else_has_changed_is_refused(developer: Caller, world: World) -> None:
    for address in (f"{V1}retention/", f"{V1}connections/{world.connection.pk}/retention/"):
        seen = developer.get(address)["ETag"]
        developer.patch(address, events_days=5)
        late = developer.client.patch(address, "{}", content_type="application/json", headers={"If-Match": seen})
        assert late.status_code == 412


def test_a_purged_delivery_says_so_instead_of_showing_emptiness(world: World) -> None:
    purge(world)
    found = Caller(world.owner).get(f"{V1}deliveries/{world.delivery.pk}/").json()
    assert (found["body"], found["headers"], found["note"]) == (None, None, f"Its content is {SINCE}")
    assert found["purged_at"] == "2026-11-20T12:00:00Z"
    assert (found["status"], found["events"]) == ("decided", [world.event.pk])


def test_a_purged_event_and_decision_say_so_too(world: World) -> None:
    purge(world)
    caller = Caller(world.owner)
    event = caller.get(f"{V1}events/{world.event.pk}/").json()
    decision = caller.get(f"{V1}decisions/{world.decision.pk}/").json()
    assert (event["facts"], event["data"], event["note"]) == (None, None, f"Its content is {SINCE}")
    assert (decision["outcome"], decision["note"]) == ("fired", f"The reason is {SINCE}")


def test_explain_answers_inputs_purged(world: World) -> None:
    caller = Caller(world.owner)
    address = f"{V1}events/{world.event.pk}/explain/?trigger={world.trigger.pk}"
    (whole,) = caller.get(address).json()["results"]
    assert (whole["is_purged"], whole["code"]) == (False, "")
    purge(world)
    (answer,) = caller.get(address).json()["results"]
    assert (answer["outcome"], answer["is_purged"], answer["code"]) == ("fired", True, "inputs_purged")


def test_a_purged_event_is_neither_replayed_nor_tried(world: World) -> None:
    purge(world)
    caller = Caller(world.owner)
    trigger = f"{V1}triggers/{world.trigger.pk}/test/"
    replayed = caller.post(f"{V1}events/{world.event.pk}/replay/")
    tried = caller.post(trigger, events=[world.event.pk])
    for response in (replayed, tried):
        assert (response.status_code, response.json()["type"].rsplit("/", 1)[-1]) == (409, "inputs-purged")
        assert SINCE in response.json()["detail"]
    assert caller.post(trigger, last=5).json()["results"] == []
