"""One event after another, over stored events: which came first, that the answer is kept, and whoever asks."""

import random
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import Connection
from tests.factories.triggers import after, make_delivery, make_trigger
from triggers.enums import Outcome
from triggers.models import Decision, Event, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.dry_run import try_on_events
from triggers.services.replays.event import replay

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
NO, YES, ERROR = Outcome.NOT_MATCHED.value, Outcome.FIRED.value, Outcome.ERROR.value


def result(value: str) -> dict[str, Any]:
    return {"type": "field", "config": {"path": "data.result", "operator": "equals", "value": value}}


def fixed(within: int = 100, **config: Any) -> tuple[Trigger, Connection]:
    both = {"first": result("failed"), "then": result("passed"), "within_s": within, **config}
    trigger = make_trigger(conditions=[{"type": "sequence", "config": both}])
    return trigger, trigger.listeners.get().connection


def ran(value: str, key: str = "OPS-1", **data: Any) -> dict[str, Any]:
    return {"item": {"key": key}, "data": {"result": value, **data}}


def report(connection: Connection, *events: dict[str, Any], at: float = 0) -> list[Event]:
    known = set(Event.objects.values_list("pk", flat=True))
    make_delivery(connection, *events, now=after(at))
    decide_pending(now=after(at))
    return list(Event.objects.exclude(pk__in=known).order_by("pk"))


def outcomes(trigger: Trigger) -> list[str]:
    return list(Decision.objects.filter(trigger=trigger).order_by("event_id").values_list("outcome", flat=True))


def test_it_fires_for_the_second_and_keeps_what_it_rests_on() -> None:
    trigger, connection = fixed()
    (first,) = report(connection, ran("failed"))
    (second,) = report(connection, ran("passed"), at=99)
    (kept,) = Decision.objects.filter(trigger=trigger)
    assert (kept.event, kept.outcome, kept.facts) == (second, YES, {"counted_events": [first.pk]})


def test_too_late_of_another_item_or_the_wrong_way_round_is_a_no_that_is_kept() -> None:
    trigger, connection = fixed()
    report(connection, ran("failed"))
    report(connection, ran("passed"), at=100)
    report(connection, ran("passed", "OPS-2"), ran("failed", "OPS-2"), at=101)
    assert outcomes(trigger) == [NO, NO]


def test_events_of_one_batch_come_in_their_order() -> None:
    trigger, connection = fixed()
    report(connection, ran("passed"), ran("failed"), ran("passed"))
    assert outcomes(trigger) == [NO, YES]


def test_over_a_connection_by_what_both_have_in_common() -> None:
    trigger, connection = fixed(per="connection", same_by="data.build")
    report(
        connection, ran("failed", "OPS-1", build=7), ran("passed", "OPS-2", build=8), ran("passed", "OPS-3", build=7)
    )
    assert outcomes(trigger) == [NO, YES]


def test_what_is_no_longer_kept_may_have_been_the_first() -> None:
    trigger, connection = fixed()
    (first,) = report(connection, ran("failed"))
    Event.objects.filter(pk=first.pk).update(purged_at=after(1), data={})
    report(connection, ran("passed"), at=2)
    assert outcomes(trigger) == [ERROR]
    assert "no longer kept" in Decision.objects.get().detail


def test_a_replay_and_a_dry_run_are_answered_by_what_came_before_then() -> None:
    trigger, connection = fixed()
    (early,) = report(connection, ran("passed"))
    report(connection, ran("failed"), at=1)
    (late,) = report(connection, ran("passed"), at=2)
    for event, expected in ((early, NO), (late, YES)):
        replay(event=event, trigger=trigger, by=SYSTEM, now=after(900))
        decide_pending(now=after(900))
        assert Decision.objects.latest("pk").outcome == expected
    tried = try_on_events(
        trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[early, late], now=after(901)
    )
    assert [one.outcome for one in tried] == [NO, YES]


@pytest.mark.parametrize("seed", range(4))
def test_any_course_of_events_in_any_batches_is_answered_as_by_hand(seed: int) -> None:
    rnd = random.Random(seed)
    trigger, connection = fixed()
    times = sorted(rnd.choices(range(30), k=14))
    course = [(at * 20, rnd.choice(["OPS-1", "OPS-2"]), rnd.choice(["failed", "passed", "else"])) for at in times]
    for at, key, value in course:
        make_delivery(connection, ran(value, key), now=after(at))
        if rnd.random() < 0.4:
            decide_pending(now=after(at))
    decide_pending(now=after(900))
    expected = [
        YES if any(one[1:] == (key, "failed") and one[0] > at - 100 for one in course[:place]) else NO
        for place, (at, key, value) in enumerate(course)
        if value == "passed"
    ]
    assert outcomes(trigger) == expected
