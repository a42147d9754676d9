"""Admission: who starts, who waits, at which position and why."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import AuditEntry
from agents.enums import Pool, StartStatus
from agents.models import SlotHolder, StartRequest
from agents.selectors import lines
from agents.selectors.queue import waiting
from agents.services import admission
from agents.starts import Block, holds
from dct_site.kernel.moves import LostRace
from dct_site.kernel.wake import NullWake
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_start, set_limits

pytestmark = pytest.mark.django_db


def status_of(start: StartRequest) -> str:
    start.refresh_from_db()
    return start.status


def test_starts_begin_in_the_order_of_arrival(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=2)
    for subject in (1, 2, 3):
        make_start(subject)
    assert admission.admit(now=now) == 2
    assert handler.started == [1, 2]


def test_a_higher_priority_goes_first_and_a_resumed_one_heads_its_level(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=10)
    make_start(1, priority=5)
    make_start(2, priority=7)
    make_start(3, priority=5, is_resumed=True)
    admission.admit(now=now)
    assert handler.started == [2, 3, 1]


def test_asking_twice_for_one_subject_is_one_wish(handler: RecordingHandler) -> None:
    assert make_start(1).pk == make_start(1).pk


def test_a_start_takes_both_slots_or_none(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=5, max_workspaces=1)
    make_start(1)
    make_start(2)
    admission.admit(now=now)
    assert sorted(SlotHolder.objects.values_list("start__subject_id", "pool")) == [
        (1, Pool.AGENTS),
        (1, Pool.WORKSPACES),
    ]


def test_a_start_that_needs_no_workspace_passes_those_that_wait_for_one(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=5, max_workspaces=1)
    make_start(1, priority=9)
    make_start(2, priority=9)
    make_start(3, priority=1, workspaces=0)
    admission.admit(now=now)
    assert handler.started == [1, 3]


def test_a_start_of_many_slots_is_not_starved_by_small_ones(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=3)
    first = make_start(1)
    admission.admit(now=now)
    make_start(2, agents=3, priority=6)
    make_start(3, priority=5)
    assert admission.admit(now=now) == 0
    admission.release(start=first, pool=Pool.AGENTS, now=now)
    admission.admit(now=now)
    assert handler.started == [1, 2]


def test_who_waits_for_a_workspace_does_not_keep_agents_from_those_that_would_free_one(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=2, max_workspaces=1)
    first = make_start(1)
    admission.admit(now=now)
    admission.release(start=first, pool=Pool.AGENTS, now=now)
    make_start(2, agents=2, priority=9)
    make_start(3, workspaces=0)
    set_limits(max_agents=3, max_workspaces=1)
    admission.admit(now=now)
    assert handler.started == [1, 3]


def test_a_start_larger_than_the_pool_does_not_block_the_others(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=2)
    large = make_start(1, agents=3, priority=9)
    make_start(2)
    admission.admit(now=now)
    assert handler.started == [2]
    assert "needs 3 agent slots; at most 2" in str(waiting(large, now=now))


def test_the_low_class_never_sits_in_the_reserved_share(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=4, reserved_percent=25, reserved_from_priority=8)
    for subject in range(1, 6):
        make_start(subject, priority=7)
    admission.admit(now=now)
    assert handler.started == [1, 2, 3]
    make_start(9, priority=8)
    admission.admit(now=now)
    assert handler.started == [1, 2, 3, 9]


def test_the_high_class_may_use_everything(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=4, reserved_percent=50)
    for subject in range(1, 7):
        make_start(subject, priority=8)
    assert admission.admit(now=now) == 4


def test_a_key_bounds_how_many_run_and_lets_the_next_in(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    wishes = [make_start(subject, concurrency_key="trigger:1", key_limit=1) for subject in (1, 2, 3)]
    make_start(4)
    assert admission.admit(now=now) == 2
    assert handler.started == [1, 4]
    assert [status_of(wish) for wish in wishes] == [StartStatus.ADMITTED, StartStatus.PARKED, StartStatus.PARKED]
    assert str(waiting(wishes[1], now=now)) == "the trigger runs 1 of 1"
    for pool in Pool:
        admission.release(start=wishes[0], pool=pool, now=now)
    assert [status_of(wish) for wish in wishes] == [StartStatus.DONE, StartStatus.WAITING, StartStatus.PARKED]
    admission.admit(now=now)
    assert handler.started == [1, 4, 2]


def test_a_key_without_room_lets_nobody_in_and_wakes_nobody(
    handler: RecordingHandler, now: datetime, pokes: NullWake, django_capture_on_commit_callbacks: Any
) -> None:
    set_limits()
    wishes = [make_start(subject, concurrency_key="trigger:1", key_limit=1) for subject in (1, 2)]
    admission.admit(now=now)
    with django_capture_on_commit_callbacks(execute=True):
        assert admission.unpark(key="trigger:1", now=now) == 0
    assert [status_of(wish) for wish in wishes] == [StartStatus.ADMITTED, StartStatus.PARKED]
    assert not pokes.pokes


def test_one_look_at_a_long_queue_is_bounded_and_the_next_goes_on_behind_it(
    handler: RecordingHandler, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PAGE", 2)
    monkeypatch.setattr(lines, "MOST_LOOKED_AT", 4)
    set_limits()
    held = [make_start(subject, priority=9) for subject in range(1, 7)]
    handler.held = dict.fromkeys(range(1, 7), "the trigger is paused")
    make_start(7)
    assert [admission.admit(now=now), admission.admit(now=now)] == [0, 1]
    assert handler.started == [7]
    assert {status_of(start) for start in held} == {StartStatus.PARKED}


def test_a_parked_start_whose_wake_up_was_lost_is_found_by_the_clock(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    first = make_start(1, concurrency_key="trigger:1", key_limit=1)
    second = make_start(2, concurrency_key="trigger:1", key_limit=1)
    admission.admit(now=now)
    SlotHolder.objects.all().delete()
    StartRequest.objects.filter(pk=first.pk).update(status=StartStatus.DONE)
    admission.expire_starts(now=now)
    assert status_of(second) == StartStatus.WAITING


def test_a_held_start_lets_others_of_its_key_pass(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    handler.held[1] = "its source is paused"
    make_start(1, priority=9, concurrency_key="trigger:1", key_limit=1)
    running = make_start(2, priority=8, concurrency_key="trigger:1", key_limit=1)
    make_start(3, concurrency_key="trigger:1", key_limit=1)
    assert admission.admit(now=now) == 1
    admission.release(start=running, pool=Pool.AGENTS, now=now)
    admission.release(start=running, pool=Pool.WORKSPACES, now=now)
    admission.admit(now=now)
    assert handler.started == [2, 3]


def test_a_held_start_is_parked_and_comes_back_when_the_hold_ends(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    wish = make_start(1)
    handler.held[1] = "the trigger is paused"
    assert admission.admit(now=now) == 0
    assert str(waiting(wish, now=now) or "") == "the trigger is paused"
    assert status_of(wish) == StartStatus.PARKED
    assert admission.unpark(key="kind:test", now=now) == 0
    handler.held.clear()
    assert admission.unpark(key="kind:test", now=now) == 1
    admission.admit(now=now)
    assert handler.started == [1]


def test_a_held_start_without_a_key_is_parked_and_blocks_nobody(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=1)
    held = make_start(1, priority=9)
    make_start(2)
    handler.held[1] = "the trigger is paused"
    admission.admit(now=now)
    assert handler.started == [2]
    assert (status_of(held), held.parked_for) == (StartStatus.PARKED, "kind:test")


def test_a_hold_of_another_room_holds_every_kind_of_start(
    handler: RecordingHandler, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_limits()
    block = Block("thing:7", "no")
    monkeypatch.setitem(
        holds._entries, "test", lambda wanted: {one.pk: block for one in wanted if one.refs.get("thing") == 7}
    )
    held = make_start(1, refs={"thing": 7})
    make_start(2, refs={"thing": 8})
    admission.admit(now=now)
    assert handler.started == [2]
    assert (status_of(held), held.parked_for, held.reason) == (StartStatus.PARKED, "thing:7", "no")


def test_nothing_starts_before_its_time(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    wish = make_start(1, not_before=now + timedelta(minutes=2))
    assert admission.admit(now=now) == 0
    assert str(waiting(wish, now=now)) == "not before 12:02"
    later = make_start(2, not_before=now + timedelta(days=2))
    assert str(waiting(later, now=now)) == "not before 2026-11-22 12:00"
    assert admission.admit(now=now + timedelta(minutes=2)) == 1


def test_a_wish_that_waited_too_long_expires_and_its_handler_is_told(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=0)
    wish = make_start(1, expires_at=now + timedelta(seconds=5))
    assert admission.expire_starts(now=now) == 0
    assert admission.expire_starts(now=now + timedelta(seconds=5)) == 1
    assert (status_of(wish), handler.expired) == (StartStatus.EXPIRED, [1])
    assert waiting(wish, now=now) is None


def test_an_expired_wish_is_not_started_even_before_the_clock_saw_it(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    make_start(1, expires_at=now)
    assert admission.admit(now=now) == 0


def test_a_wish_expires_though_its_subject_has_ended_otherwise(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=0)
    wish = make_start(1, expires_at=now)
    handler.failure[1] = LostRace("gone")
    admission.expire_starts(now=now)
    assert status_of(wish) == StartStatus.EXPIRED


def test_limit_zero_is_a_pause(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=0)
    wish = make_start(1)
    assert admission.admit(now=now) == 0
    assert str(waiting(wish, now=now)) == "position 1: starts are paused: the limit of agents is 0"


def test_nothing_starts_after_the_pause_of_everything(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    wish = make_start(1)
    admission.pause_all(by=Actor.system(), now=now)
    assert admission.admit(now=now) == 0
    assert "all starts are paused" in str(waiting(wish, now=now))
    admission.resume_all(by=Actor.system(), now=now)
    assert admission.admit(now=now) == 1
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "limits.paused",
        "limits.resumed",
    ]


def test_a_start_whose_subject_moved_on_is_cancelled_and_takes_no_slot(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=1)
    gone = make_start(1)
    handler.failure[1] = LostRace("cancelled meanwhile")
    make_start(2)
    assert admission.admit(now=now) == 1
    assert (status_of(gone), handler.started) == (StartStatus.CANCELLED, [2])


def test_a_start_that_breaks_its_handler_waits_and_blocks_nobody(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=1)
    broken = make_start(1, priority=9)
    handler.failure[1] = RuntimeError("a bug")
    make_start(2)
    assert admission.admit(now=now) == 1
    assert handler.started == [2]
    assert status_of(broken) == StartStatus.WAITING
    assert broken.not_before == now + timedelta(seconds=30)


def test_cancelling_takes_a_wish_back_and_frees_what_it_held(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=1)
    running, queued = make_start(1), make_start(2)
    admission.admit(now=now)
    for start in (running, queued, running, queued):
        admission.cancel_start(start=start, now=now, reason="not wanted")
    assert (status_of(running), status_of(queued)) == (StartStatus.DONE, StartStatus.CANCELLED)
    assert not SlotHolder.objects.exists()


def test_giving_a_slot_back_twice_is_harmless(handler: RecordingHandler, now: datetime) -> None:
    set_limits()
    start = make_start(1)
    admission.admit(now=now)
    assert admission.release(start=start, pool=Pool.AGENTS, now=now)
    assert not admission.release(start=start, pool=Pool.AGENTS, now=now)
    assert not admission.holds_slot(start, Pool.AGENTS)
    assert admission.holds_slot(start, Pool.WORKSPACES)
    assert status_of(start) == StartStatus.ADMITTED
