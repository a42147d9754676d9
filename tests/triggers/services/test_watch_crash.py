"""Armed absences and ``kill -9``: wherever arming, the clock or deciding is cut off, each time comes back once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from tests.factories.triggers import after, make_delivery
from tests.triggers.services.doomed import Doomed
from tests.triggers.services.test_watching import HOUR, come, question, reply, states, waiting
from triggers.enums import Origin, Outcome, WatchStatus
from triggers.models import Decision, Delivery, Event, Execution, PendingDelivery, Watch
from triggers.services import watches
from triggers.services.decide import pending as decide
from triggers.services.decide.pending import decide_pending
from triggers.services.watches import elapse_due

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.unmeasured]
ARMED, ELAPSED = WatchStatus.ARMED.value, WatchStatus.ELAPSED.value


def decide_all(at: float) -> None:
    """Until nothing is pending: what a killed process held is free only when the server has seen its end."""
    while PendingDelivery.objects.exists():
        decide_pending(now=after(at))


def elapse_all(at: float) -> None:
    while Watch.objects.filter(status=WatchStatus.ARMED, due_at__lte=after(at)).exists():
        elapse_due(now=after(at))


@pytest.mark.parametrize(
    ("work", "place"),
    [
        ("decide", "decide.events_written"),
        ("decide", "decide.before_commit"),
        ("elapse", "watches.held"),
        ("elapse", "watches.accepted"),
        ("elapse", "watches.before_commit"),
        ("elapse", "watches.committed"),
        ("answer", "decide.prepared"),
        ("answer", "decide.before_commit"),
        ("answer", "decide.committed"),
    ],
)
def test_whoever_is_killed_anywhere_each_time_comes_back_once(doomed: Doomed, work: str, place: str) -> None:
    trigger, source = waiting()
    make_delivery(source, question())
    if work == "decide":
        assert doomed.is_killed("decide", place)
        assert states() == []
    decide_all(0)
    assert states() == [ARMED]
    if work == "elapse":
        assert doomed.is_killed("elapse", place, after(HOUR))
        is_committed = place == "watches.committed"
        assert states() == [ELAPSED if is_committed else ARMED]
        assert Delivery.objects.filter(origin=Origin.TIMER).count() == int(is_committed)
    elapse_all(HOUR)
    if work == "answer":
        assert doomed.is_killed("decide", place, after(HOUR))
    decide_all(HOUR)
    # Another round of both changes nothing.
    assert elapse_due(now=after(HOUR)) == decide_pending(now=after(HOUR)) == 0

    assert states() == [ELAPSED]
    assert Delivery.objects.filter(origin=Origin.TIMER).count() == 1
    assert Event.objects.filter(origin=Origin.TIMER).count() == 1
    assert Decision.objects.get(trigger=trigger).outcome == Outcome.FIRED
    assert Execution.objects.count() == 1


@contextmanager
def everybodys_turn() -> Iterator[bool]:
    yield True


def work_until_nothing_is_left(number: int) -> int:
    done = 0
    try:
        while PendingDelivery.objects.exists() or Watch.objects.filter(status=WatchStatus.ARMED).exists():
            done += elapse_due(now=after(HOUR)) if number % 2 else decide_pending(now=after(HOUR), limit=3)
    finally:
        connection.close()
    return done


def test_clocks_and_deciders_in_parallel_bring_back_each_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "turn", everybodys_turn)
    monkeypatch.setattr(watches, "BATCH", 2)
    trigger, source = waiting()
    keys = [f"OPS-{at}" for at in range(9)]
    come(source, *map(question, keys))
    for key in keys[:4]:
        make_delivery(source, reply(key), now=after(60))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work_until_nothing_is_left, range(4)))

    outcomes = Decision.objects.filter(trigger=trigger).values_list("event__item__external_key", "outcome")
    fired = sorted(key for key, outcome in outcomes if outcome == Outcome.FIRED)
    assert fired == keys[4:]
    timers = list(Watch.objects.filter(status=WatchStatus.ELAPSED).values_list("delivery_id", flat=True))
    assert len(set(timers)) == Event.objects.filter(origin=Origin.TIMER).count() == len(timers)
    assert Execution.objects.count() == 5
