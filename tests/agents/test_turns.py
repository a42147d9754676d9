"""Starts in turn: one at a time of a trigger and an item, in the order in which they were wished for."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.enums import Pool, StartStatus
from agents.models import SlotHolder, StartRequest
from agents.selectors.queue import queue, waiting
from agents.selectors.turns import at_work_or_before
from agents.services import admission
from tests.agents.handlers import RecordingHandler
from tests.factories.agents import NOON, make_start, set_limits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits(max_agents=10)


def wish(subject: int, *, item: str = "item:5", **over: Any) -> StartRequest:
    return make_start(subject, concurrency_key="trigger:1", item_key=item, is_in_turn=True, **over)


def end(start: StartRequest, now: datetime) -> None:
    for pool in Pool:
        admission.release(start=start, pool=pool, now=now)


def said(start: StartRequest, now: datetime) -> str:
    start.refresh_from_db()
    return str(waiting(start, now=now) or start.status)


def test_the_next_begins_when_the_one_before_has_ended_whatever_its_priority(
    handler: RecordingHandler, now: datetime
) -> None:
    first, second, third = wish(1, priority=1), wish(2, priority=3), wish(3, priority=10)
    other = wish(4, item="item:6")
    nothing = wish(5, item="")
    admission.admit(now=now)
    assert handler.started == [4, 5, 1]
    assert said(third, now) == "its turn comes after run 1 for the same item; 2 are before it"
    assert said(second, now) == "its turn comes after run 1 for the same item"
    admission.release(start=first, pool=Pool.AGENTS, now=now)  # it waits for a person: it has not ended
    assert admission.admit(now=now) == 0
    for ended, begun in ((first, [2]), (other, []), (nothing, []), (second, [3])):
        end(ended, now)
        handler.started.clear()
        admission.admit(now=now)
        assert handler.started == begun


def test_one_that_leaves_the_queue_leaves_its_place_at_once(handler: RecordingHandler, now: datetime) -> None:
    first, second, _ = (wish(subject) for subject in (1, 2, 3))
    admission.admit(now=now)
    admission.cancel_start(start=second, now=now, reason="enough")
    end(first, now)
    admission.admit(now=now)
    assert handler.started == [1, 3]


def test_one_that_is_tried_again_keeps_its_place(handler: RecordingHandler, now: datetime) -> None:
    first, second = wish(1), wish(2)
    admission.admit(now=now)
    end(first, now)
    later = now + timedelta(seconds=30)
    wish(1, is_resumed=True, not_before=later)
    assert admission.admit(now=now) == 0
    assert said(second, now) == "its turn comes after run 1 for the same item"
    admission.admit(now=later)
    assert handler.started == [1, 1]


def test_what_runs_beside_it_by_an_older_revision_is_waited_for(handler: RecordingHandler, now: datetime) -> None:
    older = make_start(1, concurrency_key="trigger:1", item_key="item:5")
    make_start(2, concurrency_key="trigger:2", item_key="item:5")
    admission.admit(now=now)
    wish(3)
    assert admission.admit(now=now) == 0
    end(older, now)
    assert admission.admit(now=now) == 1


def test_those_that_wait_are_parked_and_cost_an_admission_nothing(handler: RecordingHandler, now: datetime) -> None:
    wish(1)
    admission.admit(now=now)
    for subject in range(2, 30):
        wish(subject)
    admission.admit(now=now)
    assert StartRequest.objects.filter(status=StartStatus.PARKED).count() == 28
    make_start(99)
    with CaptureQueriesContext(database) as asked:
        assert admission.admit(now=now) == 1
    assert not [one["sql"] for one in asked if "is_in_turn AND" in one["sql"]]
    assert {str(one) for one in queue(now=now)} == {"its turn comes after run 1 for the same item"}


def test_whose_turn_it_is_is_told_by_the_index(now: datetime) -> None:
    start = wish(1)
    with CaptureQueriesContext(database) as asked:
        at_work_or_before([start])
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN " if database.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + asked[0]["sql"])
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "start_turns" in plan


@given(
    wishes=st.lists(st.tuples(st.integers(1, 10), st.integers(0, 2)), min_size=1, max_size=12),
    ends=st.lists(st.integers(0, 50), max_size=12),
    agents=st.integers(1, 3),
)
@settings(max_examples=15)
def test_of_each_item_they_begin_in_order_and_one_at_a_time(
    wishes: list[tuple[int, int]], ends: list[int], agents: int
) -> None:
    handler = RecordingHandler()
    admission.starts._entries["test"] = handler
    SlotHolder.objects.all().delete()
    StartRequest.objects.all().delete()
    set_limits(max_agents=agents)
    item_of = {}
    for subject, (priority, item) in enumerate(wishes, start=1):
        wish(subject, item=f"item:{item}", priority=priority)
        item_of[subject] = item
    for number in [*ends, *range(len(wishes))]:
        while admission.admit(now=NOON):
            pass
        working = list(StartRequest.objects.filter(status=StartStatus.ADMITTED).order_by("pk"))
        items = [one.item_key for one in working]
        assert len(items) == len(set(items)) <= agents
        assert len(working) == min(agents, len({item_of[one] for one in set(item_of) - _done(handler, working)}))
        if working:
            end(working[number % len(working)], NOON)
    for item in set(item_of.values()):
        begun = [subject for subject in handler.started if item_of[subject] == item]
        assert begun == [subject for subject in item_of if item_of[subject] == item][: len(begun)]


def _done(handler: RecordingHandler, working: list[StartRequest]) -> set[int]:
    return set(handler.started) - {one.subject_id for one in working}
