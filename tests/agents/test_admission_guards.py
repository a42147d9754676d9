"""Each guard of admission taken out: what it promises no longer holds, so its tests can fail."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents import capacity
from agents.models import SlotHolder, StartRequest
from agents.selectors import lines
from agents.selectors.gate import Gate
from agents.services import admission
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_start, set_limits
from tests.factories.workspaces import make_connection

pytestmark = pytest.mark.django_db
Holds = Callable[[RecordingHandler, datetime], bool]


def keeps_its_rate(handler: RecordingHandler, now: datetime) -> bool:
    for subject in (1, 2, 3):
        make_start(subject, concurrency_key="trigger:1", per_hour=2)
    return admission.admit(now=now) == 2


def keeps_its_item(handler: RecordingHandler, now: datetime) -> bool:
    for subject in (1, 2):
        make_start(subject, item_key="item:1", item_limit=1)
    return admission.admit(now=now) == 1


def keeps_its_connection(handler: RecordingHandler, now: datetime) -> bool:
    key = f"connection:{make_connection(max_concurrent=1).pk}"
    for subject in (1, 2):
        make_start(subject, connection_key=key)
    return admission.admit(now=now) == 1


def starves_nobody(handler: RecordingHandler, now: datetime) -> bool:
    make_start(1, priority=4, now=now)
    at = now + timedelta(hours=1)
    make_start(2, priority=5, now=at)
    admission.admit(now=at, limit=1)
    return handler.started == [1]


def leaves_the_high_class_first(handler: RecordingHandler, now: datetime) -> bool:
    make_start(1, priority=7, now=now)
    at = now + timedelta(hours=1)
    make_start(2, priority=8, now=at)
    admission.admit(now=at, limit=1)
    return handler.started == [2]


def leaves_the_share_alone(handler: RecordingHandler, now: datetime) -> bool:
    set_limits(max_agents=4, reserved_percent=25)
    for subject in range(4):
        make_start(subject, priority=7, now=now)
    return admission.admit(now=now + timedelta(hours=1)) == 3


def takes_all_or_nothing(handler: RecordingHandler, now: datetime) -> bool:
    set_limits(max_agents=4, max_workspaces=1)
    for subject in (1, 2):
        make_start(subject)
    admission.admit(now=now)
    return sorted(SlotHolder.objects.values_list("start__subject_id", "pool")) == [(1, "agents"), (1, "workspaces")]


def parks_who_waits_for_a_key(handler: RecordingHandler, now: datetime) -> bool:
    for subject in (1, 2):
        make_start(subject, concurrency_key="trigger:1", key_limit=1)
    admission.admit(now=now)
    return StartRequest.objects.filter(status="parked", parked_for="trigger:1").count() == 1


def _nothing(*_args: Any, **_named: Any) -> None:
    return None


@pytest.mark.parametrize("is_taken_out", [False, True], ids=["with it", "taken out"])
@pytest.mark.parametrize(
    ("holds", "place", "name", "instead"),
    [
        (keeps_its_rate, Gate, "_rate", _nothing),
        (keeps_its_item, Gate, "take", _nothing),
        (keeps_its_connection, Gate, "_learn_connections", _nothing),
        (starves_nobody, lines, "most_aged", lambda _priority, **_named: 0),
        (leaves_the_high_class_first, lines, "most_aged", lambda _priority, **_named: 2),
        (leaves_the_share_alone, capacity.PoolRoom, "free_low", property(lambda room: room.free)),
        (takes_all_or_nothing, capacity.Room, "lacking", lambda _room, _need: []),
        (parks_who_waits_for_a_key, Gate, "block", _nothing),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else None,
)
def test_without_the_guard_the_promise_does_not_hold(
    holds: Holds,
    place: Any,
    name: str,
    instead: Any,
    is_taken_out: bool,
    handler: RecordingHandler,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_limits(max_agents=10, ageing_s=300, reserved_from_priority=8)
    if is_taken_out:
        monkeypatch.setattr(place, name, instead)
    assert holds(handler, now) is not is_taken_out
