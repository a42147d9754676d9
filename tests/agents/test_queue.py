"""The queue and the limits: positions, reasons, slots, and edits."""

from datetime import datetime, timedelta

import pytest

from accounts.actor import Actor
from agents.enums import Pool
from agents.models import Limits, StartRequest
from agents.selectors.capacity import slots
from agents.selectors.queue import queue, waiting
from agents.services import admission
from agents.services.values import InvalidValue
from dct_site.kernel.edits import EditConflict
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_start, set_limits

pytestmark = pytest.mark.django_db


def status_of(start: StartRequest) -> str:
    start.refresh_from_db()
    return start.status


def test_the_queue_tells_positions_and_reasons(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=1)
    for subject in (1, 2, 3):
        make_start(subject)
    admission.admit(now=now)
    make_start(4, not_before=now + timedelta(hours=1))
    make_start(5, is_resumed=True)
    handler.held[3] = "the trigger is paused"
    shown = {one.start.subject_id: str(one) for one in queue(now=now)}
    assert shown == {
        5: "position 1: the only agent slot is busy",
        2: "position 2: the only agent slot is busy",
        3: "the trigger is paused",
        4: "not before 13:00",
    }
    for one in queue(now=now):
        assert str(waiting(one.start, now=now)) == str(one)


def test_reasons_name_what_is_busy_or_kept(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=4, reserved_percent=25, reserved_from_priority=8)
    starts = [make_start(subject) for subject in range(1, 5)]
    admission.admit(now=now)
    assert str(waiting(starts[3], now=now)) == "position 1: 1 of 4 agent slots is kept for priority 8 and above"
    set_limits(max_agents=4)
    assert str(waiting(make_start(7, agents=2), now=now)) == "position 2: only 1 of 4 agent slots is free"
    admission.admit(now=now)
    assert str(waiting(make_start(8), now=now)) == "position 2: all 4 agent slots are busy"
    keyed = make_start(9, concurrency_key="k", key_limit=1)
    assert str(waiting(keyed, now=now)).startswith("position 3")
    limited = make_start(10, concurrency_key="l", key_limit=0)
    assert str(waiting(limited, now=now)) == "the trigger runs 0 of 0"
    assert "it is looked at next" in str(waiting(make_start(11, agents=0, workspaces=0), now=now))


def test_slots_tell_busy_free_and_kept(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=4, reserved_percent=25)
    make_start(1)
    admission.admit(now=now)
    agents = slots()[0]
    assert (agents.pool, agents.limit, agents.busy, agents.free, agents.kept) == (Pool.AGENTS, 4, 1, 2, 1)


def test_a_lowered_limit_starts_nothing_until_it_is_kept(handler: RecordingHandler, now: datetime) -> None:
    limits = set_limits(max_agents=3)
    starts = [make_start(subject) for subject in (1, 2, 3, 4)]
    admission.admit(now=now)
    admission.update_limits(by=Actor.system(), now=now, version=limits.version, max_agents=2)
    admission.release(start=starts[0], pool=Pool.AGENTS, now=now)
    assert admission.admit(now=now) == 0
    admission.release(start=starts[1], pool=Pool.AGENTS, now=now)
    assert admission.admit(now=now) == 1


def test_a_stale_edit_of_the_limits_is_refused(now: datetime) -> None:
    limits = set_limits()
    admission.update_limits(by=Actor.system(), now=now, version=limits.version, max_agents=2)
    with pytest.raises(EditConflict):
        admission.update_limits(by=Actor.system(), now=now, version=limits.version, max_agents=3)
    assert Limits.objects.get().max_agents == 2


@pytest.mark.parametrize(
    "values", [{"max_agents": -1}, {"reserved_percent": 101}, {"max_agents": True}, {"no_such": 1}]
)
def test_limits_out_of_bounds_are_refused_in_words(values: dict[str, int], now: datetime) -> None:
    limits = set_limits()
    with pytest.raises(InvalidValue, match=r"must be a whole number from|no such limit"):
        admission.update_limits(by=Actor.system(), now=now, version=limits.version, **values)


@pytest.mark.django_db(transaction=True)
def test_the_capacity_lock_needs_a_transaction(now: datetime) -> None:
    with pytest.raises(RuntimeError):
        admission.lock_capacity()
