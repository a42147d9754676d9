"""Promises 9 and 10, as checks: an event fires a trigger once, and a crash anywhere converges."""

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.db import IntegrityError

from agents.models import StartRequest
from dct_site.engine import work
from dct_site.engine.tick import tick
from dct_site.kernel import wake
from dct_site.kernel.wake import NullWake, Topic
from tests.factories.executions import NOON as LAUNCHED
from tests.factories.executions import make_admitted
from tests.factories.triggers import NOON, make_delivery, make_trigger
from triggers.enums import ExecutionStatus
from triggers.models import (
    Attempt,
    Decision,
    Delivery,
    DeliveryOutcome,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    SeenChange,
)
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import pending as decide
from triggers.services.decide.commit import Overtaken
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import prepare
from triggers.services.launch.admitted import launch_some
from workspaces.models import Workspace

CONVERGES_WITHIN_S = 10
EVERYTHING = (Event, SeenChange, Decision, Firing, Execution, StartRequest, DeliveryOutcome)


class Killed(BaseException):
    """What ``kill -9`` is to the code that it meets."""


def dies_at(place: str) -> Callable[[str], None]:
    """A ``crashpoint`` that ends whoever passes the place."""

    def pass_by(name: str) -> None:
        if name == place:
            raise Killed

    return pass_by


def _decided(deliveries: Collection[Delivery]) -> None:
    """By two deciders at once: both have made their plan before either commits, and neither sees the other's."""
    plans = [prepare(deliveries=[delivery], now=NOON) for delivery in deliveries]
    for plan in plans:
        try:
            decide_commit.commit(plan)
        except (Overtaken, IntegrityError):
            continue
    decide_pending(now=NOON)


def two_reports_of_one_change_fire_once() -> None:
    """Promise 9: a webhook and a poll bring one change under two delivery keys, to two deciders at once."""
    connection = make_trigger().listeners.get().connection
    reports = [make_delivery(connection, {"change_key": "k"}, delivery_key=key) for key in ("hook-1", "poll-7")]

    def seen_too_early(keys: Any) -> dict[Any, Any]:
        return {}

    with patch.object(decide_commit, "stored_changes", seen_too_early):
        _decided(reports)
    assert Execution.objects.count() == 1, f"one change that was reported twice is {Execution.objects.count()} runs"
    assert not PendingDelivery.objects.exists(), "a report has no answer"


def a_report_of_what_is_known_fires_nothing() -> None:
    """Promise 9: the second report comes later, or in the same batch, and is told that it was known."""
    connection = make_trigger().listeners.get().connection
    make_delivery(connection, {"change_key": "k"}, {"change_key": "k"}, delivery_key="hook-1")
    decide_pending(now=NOON)
    late = make_delivery(connection, {"change_key": "k"}, delivery_key="poll-7")
    decide_pending(now=NOON)
    assert Execution.objects.count() == 1, f"a change that was known is {Execution.objects.count()} runs"
    told = list(DeliveryOutcome.objects.filter(delivery=late).values_list("detail", flat=True))
    assert ["reported already" in detail for detail in told] == [True], f"a change that was known was told as {told}"


def a_delivery_is_decided_once() -> None:
    """Promise 9: two deciders take the same delivery."""
    delivery = make_delivery(make_trigger().listeners.get().connection)
    _decided([delivery, delivery])
    assert Execution.objects.count() == 1, f"one delivery is {Execution.objects.count()} runs"


def a_trigger_and_an_event_make_one_firing() -> None:
    """Promise 9: whatever code comes by."""
    make_delivery(make_trigger().listeners.get().connection)
    decide_pending(now=NOON)
    fired = Firing.objects.get()
    try:
        Firing.objects.create(trigger=fired.trigger, event=fired.event, execution=fired.execution)
    except IntegrityError:
        return
    raise AssertionError("the database stored a second firing of one trigger by one event")


def a_decider_that_dies_leaves_nothing_or_everything() -> None:
    """Promise 10: event, decision, firing, execution and its wish for a start stand or fall together."""
    for place in ("decide.prepared", "decide.events_written", "decide.before_commit", "decide.committed"):
        for model in (DeliveryOutcome, Execution, Firing, Decision, Event, SeenChange, StartRequest, PendingDelivery):
            model.objects.all().delete()
        make_delivery(make_trigger().listeners.get().connection, {"change_key": "k"})
        crash = dies_at(place)
        try:
            with patch.object(decide, "crashpoint", crash), patch.object(decide_commit, "crashpoint", crash):
                decide_pending(now=NOON)
        except Killed:
            pass
        left = {model.__name__: model.objects.count() for model in EVERYTHING}
        whole = int(place == "decide.committed")
        assert set(left.values()) == {whole}, f"a crash at {place} left a part of it: {left}"
        assert PendingDelivery.objects.count() == 1 - whole, f"a crash at {place} lost what was to be decided"
        decide_pending(now=NOON)
        left = {model.__name__: model.objects.count() for model in EVERYTHING}
        assert set(left.values()) == {1}, f"after a crash at {place} the next decider came to {left}"


def a_launcher_that_dies_is_followed_by_the_next() -> None:
    """Promise 10: when its lease is over; what it had made is found, not made again."""
    execution = make_admitted()
    try:
        with patch("triggers.services.launch.steps.crashpoint", dies_at("launch.after_clone")):
            launch_some(owner="first", now=LAUNCHED)
    except Killed:
        pass
    launch_some(owner="next", now=LAUNCHED + timedelta(seconds=61))
    execution.refresh_from_db()
    assert execution.status == ExecutionStatus.RUNNING, f"after its launcher died, a run stays {execution.status}"
    counts = (Workspace.objects.count(), Attempt.objects.count())
    assert counts == (1, 1), f"a launch that was taken over made {counts} workspaces and attempts"


def a_lost_wake_up_is_made_up_for() -> None:
    """Promise 10: every kind of work is looked for within ten seconds, on one machine and on many."""
    sweeps = {loop.topic: loop.sweep_s for loop in work.engine_loops() if loop.topic is not None}
    assert set(sweeps) == set(work.WORK), "there is work that no loop looks for"
    slow = [topic.value for topic, seconds in sweeps.items() if seconds > CONVERGES_WITHIN_S]
    assert not slow, f"a lost wake-up delays {slow} for more than {CONVERGES_WITHIN_S} s"
    backend = NullWake()
    before = wake.configure(backend)
    try:
        tick(NOON)
    finally:
        wake.configure(before)
    missed = {*work.WORK, Topic.SUPERVISE} - set(backend.pokes)
    assert not missed, f"the clock wakes nobody for {sorted(missed)}"
