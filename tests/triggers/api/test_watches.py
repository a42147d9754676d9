"""Armed absences over the API: who sees what, by trigger, item and status, and what explain tells of them."""

import pytest
from django.test import Client

from accounts.enums import Role
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_watch
from tests.factories.world import make_world
from triggers.enums import Origin, WatchStatus
from triggers.models import Event, Watch
from triggers.services.generation import current

pytestmark = pytest.mark.django_db


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def test_watches_are_found_by_trigger_item_and_status() -> None:
    world = make_world(make_user(role=Role.DEVELOPER))
    other = make_world(world.owner)
    ended = make_watch(world.trigger, world.event, condition="b" * 32, status=WatchStatus.DISARMED)
    client = signed_in(world.owner)

    def found(query: str) -> list[int]:
        return [row["id"] for row in client.get(f"/api/v1/watches/?{query}").json()["results"]]

    assert found("") == [ended.pk, other.watch.pk, world.watch.pk]
    assert found(f"trigger={world.trigger.pk}") == [ended.pk, world.watch.pk]
    assert found(f"context_item={other.item.pk}") == [other.watch.pk]
    assert found("status=armed&status=elapsed") == [other.watch.pk, world.watch.pk]
    row = client.get(f"/api/v1/watches/{world.watch.pk}/").json()
    assert (row["armed_by"], row["due_at"], row["ended_by"]) == (world.event.pk, "2999-01-01T00:00:00Z", None)


def test_a_watch_is_seen_with_its_connection_and_not_with_its_trigger() -> None:
    """Decided with its item: who owns the trigger alone learns nothing of somebody else's item."""
    world = make_world(make_user(role=Role.DEVELOPER))
    stranger = make_user(role=Role.CEO)
    world.trigger.owner = stranger
    world.trigger.save(update_fields=["owner"])
    assert signed_in(stranger).get(f"/api/v1/watches/{world.watch.pk}/").status_code == 404
    world.connection.owner = stranger
    world.connection.save(update_fields=["owner"])
    assert signed_in(stranger).get(f"/api/v1/watches/{world.watch.pk}/").status_code == 200


def test_explain_tells_which_watch_an_event_armed_ended_or_came_for() -> None:
    world = make_world(make_user(role=Role.DEVELOPER))
    client = signed_in(world.owner)
    began = world.event
    later = Event.objects.create(**_like(began), origin=Origin.LIVE, delivery_id=None, target_trigger_id=None)
    timer = Event.objects.create(
        **_like(began), origin=Origin.TIMER, delivery_id=77, target_trigger_id=world.trigger.pk
    )
    Watch.objects.update(status=WatchStatus.DISARMED, ended_by=later, ended_at=after(60))
    elapsed = make_watch(
        world.trigger, later, condition="b" * 32, status=WatchStatus.ELAPSED, ended_at=NOON, delivery_id=77
    )

    def told(event: Event) -> list[int]:
        asked = client.get(f"/api/v1/events/{event.pk}/explain/?trigger={world.trigger.pk}").json()
        every = client.get(f"/api/v1/events/{event.pk}/explain/").json()
        assert asked["results"][0]["watches"] == every["results"][0]["watches"]
        return [watch["id"] for watch in asked["results"][0]["watches"]]

    assert told(began) == [world.watch.pk]
    assert told(later) == [world.watch.pk, elapsed.pk]
    assert told(timer) == [elapsed.pk]


def _like(event: Event) -> dict[str, object]:
    names = ("connection", "item", "source", "type", "time", "accepted_at", "decided_at", "item_version")
    return {**{name: getattr(event, name) for name in names}, "external_id": "another", "generation": current()}
