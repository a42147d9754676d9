"""What came of old events after an outage: behind fresh work, in its share, key after key, never starved."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.capacity import backlog_share
from agents.enums import Pool
from agents.models import StartRequest
from agents.selectors import lines
from agents.selectors.backlog import backlog, turns_after
from agents.selectors.queue import queue, waiting
from agents.services import admission
from agents.services.agent_start import queue_again
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import make_agent, make_start, set_limits

pytestmark = pytest.mark.django_db


def old(subject: int, turn: int = 1, **over: Any) -> StartRequest:
    return make_start(subject, backlog_turn=turn, **over)


def end(start: StartRequest, now: datetime) -> None:
    for pool in Pool:
        admission.release(start=start, pool=pool, now=now)


@pytest.mark.parametrize(("limit", "percent", "most"), [(4, 50, 2), (5, 50, 2), (4, 1, 1), (1, 50, 1), (4, 100, 4)])
def test_the_share_is_a_part_of_the_slots_and_at_least_one(limit: int, percent: int, most: int) -> None:
    assert backlog_share(limit, percent) == most


def test_a_backlog_leaves_slots_free_for_what_is_fresh(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=4, backlog_percent=50)
    for subject in range(1, 6):
        old(subject)
    admission.admit(now=now)
    assert handler.started == [1, 2]
    make_start(9)
    admission.admit(now=now)
    assert handler.started == [1, 2, 9]


def test_with_its_whole_share_it_uses_every_slot(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=3, backlog_percent=100)
    for subject in range(1, 5):
        old(subject)
    assert admission.admit(now=now) == 3


def test_of_one_priority_what_is_fresh_goes_first_once_the_backlog_moves(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=2)
    first = old(1)
    admission.admit(now=now)
    old(2)
    make_start(3)
    make_start(4)
    admission.admit(now=now)
    assert handler.started == [1, 3]
    end(first, now)
    admission.admit(now=now)
    # Nothing of the backlog is at work: its first goes before 4, or a stream of fresh events would starve it.
    assert handler.started == [1, 3, 2]


def test_a_higher_priority_is_a_higher_priority_whatever_its_age(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=1)
    make_start(1, priority=5)
    old(2, priority=7)
    old(3, priority=3)
    admission.admit(now=now)
    assert handler.started == [2]


def test_turns_go_before_the_order_of_arrival(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=10, backlog_percent=100)
    for subject, turn in ((1, 1), (2, 2), (3, 3), (4, 1)):
        old(subject, turn)
    admission.admit(now=now)
    assert handler.started == [1, 4, 2, 3]


def test_a_start_larger_than_the_share_begins_while_nothing_else_of_the_backlog_works(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=4, backlog_percent=50)
    old(1, agents=3)
    old(2)
    admission.admit(now=now)
    assert handler.started == [1]


def test_what_waits_for_the_share_of_one_pool_does_not_hold_up_those_that_need_none_of_it(
    handler: RecordingHandler, now: datetime
) -> None:
    set_limits(max_agents=4, max_workspaces=2, backlog_percent=50)
    for subject in (1, 2):
        old(subject)
    old(3, workspaces=0)
    admission.admit(now=now)
    assert handler.started == [1, 3]


def test_more_than_a_page_of_a_backlog_does_not_hide_what_is_fresh(
    handler: RecordingHandler, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PAGE", 3)
    set_limits(max_agents=4, backlog_percent=50)
    for subject in range(1, 9):
        old(subject)
    make_start(20, priority=4)
    admission.admit(now=now)
    assert handler.started == [1, 2, 20]


class TestWords:
    def test_who_is_held_says_so_with_the_numbers(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits(max_agents=4, backlog_percent=50)
        starts = [old(subject) for subject in (1, 2, 3)]
        admission.admit(now=now)
        told = str(waiting(starts[2], now=now))
        assert (
            told == "position 1: the backlog of old events holds 2 agent slots, of 2 that it may; fresh ones go first"
        )

    def test_without_room_the_pool_is_the_reason_and_who_goes_first_is_added(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=1)
        make_start(1)
        admission.admit(now=now)
        words = "the only agent slot is busy; its event was old, so fresh ones of its priority go first"
        assert str(waiting(old(2), now=now)) == f"position 1: {words}"

    @pytest.mark.parametrize("is_moving", [True, False])
    def test_positions_are_the_order_of_the_next_admission(
        self, handler: RecordingHandler, now: datetime, is_moving: bool
    ) -> None:
        set_limits(max_agents=0, backlog_percent=100)
        if is_moving:
            set_limits(max_agents=1, backlog_percent=100)
            old(99, priority=9)
            admission.admit(now=now)
            handler.started.clear()
        for subject, turn, priority in ((1, 0, 4), (2, 2, 5), (3, 1, 5), (4, 0, 5), (5, 0, 6), (6, 1, 5)):
            make_start(subject, backlog_turn=turn, priority=priority)
        make_start(7, is_resumed=True)
        rows = queue(now=now)
        shown = [one.start.subject_id for one in rows]
        told = {one.start.subject_id: waiting(one.start, now=now) for one in rows}
        set_limits(max_agents=100, backlog_percent=100)
        if is_moving:
            admission.admit(now=now)
            assert handler.started == shown == [5, 7, 4, 3, 6, 2, 1]
        else:
            admission.admit(now=now, limit=1)
            assert shown == [5, 7, 3, 4, 6, 2, 1]
        assert [one.position for subject in shown if (one := told[subject])] == list(range(1, 8))

    def test_the_first_of_a_backlog_stands_in_a_list_that_is_too_short_for_it(self, now: datetime) -> None:
        set_limits(max_agents=0)
        for subject in (1, 2, 3):
            make_start(subject)
        old(9)
        assert [one.start.subject_id for one in queue(now=now, limit=2)] == [9, 1]


class TestStanding:
    def test_in_quiet_times_there_is_none(self, handler: RecordingHandler, now: datetime) -> None:
        set_limits()
        make_start(1)
        assert backlog(now=now) is None

    def test_it_tells_how_many_wait_how_fast_they_begin_and_when_they_are_through(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=4, backlog_percent=50)
        for subject in range(1, 13):
            old(subject, now=now)
        before = backlog(now=now)
        assert before is not None
        assert (before.waiting, before.since, before.per_minute, before.through_s) == (12, now, None, None)
        admission.admit(now=now)

        found = backlog(now=now + timedelta(minutes=4))

        assert found is not None
        assert (found.waiting, found.busy, found.most) == (10, 2, 2)
        assert (found.per_minute, found.through_s) == (0.5, 20 * 60)

    def test_two_that_began_a_moment_ago_are_no_pace_of_hundreds(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=4, backlog_percent=50)
        for subject in range(1, 5):
            old(subject)
        admission.admit(now=now)
        found = backlog(now=now + timedelta(seconds=1))
        assert found is not None
        assert found.per_minute == 2

    def test_what_began_more_than_an_hour_ago_says_nothing_of_the_pace(
        self, handler: RecordingHandler, now: datetime
    ) -> None:
        set_limits(max_agents=1)
        for subject in (1, 2):
            old(subject)
        admission.admit(now=now)
        found = backlog(now=now + timedelta(hours=1))
        assert found is not None
        assert found.per_minute is None


class TestTurns:
    def test_the_first_of_all_begin_at_one(self) -> None:
        assert turns_after({"a"}) == (1, {})

    def test_a_key_goes_on_behind_its_last_and_another_joins_at_the_turn_that_is_due(self) -> None:
        for subject, turn in ((1, 5), (2, 6), (3, 7)):
            old(subject, turn, concurrency_key="a")
        make_start(4, concurrency_key="b")
        assert turns_after({"a", "b"}) == (5, {"a": 7})


def test_a_resumed_one_of_a_backlog_stays_in_its_share(handler: RecordingHandler, now: datetime) -> None:
    set_limits(max_agents=2, backlog_percent=50)
    old(1)
    admission.admit(now=now)
    old(2, is_resumed=True)
    make_start(3)
    admission.admit(now=now)
    assert handler.started == [1, 3]


def test_an_agent_that_resumes_is_of_the_backlog_that_it_came_of(now: datetime) -> None:
    agent = make_agent()
    agent.start = old(1, 4)
    assert queue_again(agent, now=now).backlog_turn == 4
    agent.start = None
    assert queue_again(agent, now=now + timedelta(1)).backlog_turn == 4, "the open wish is kept"
