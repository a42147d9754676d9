"""The forecast: what admission would do, told from arrivals, durations and limits alone."""

from typing import Any

import pytest

from agents.capacity import PoolRoom, Room
from agents.enums import Pool
from agents.forecast import Arrival, forecast


def waits(*arrivals: Arrival, agents: int = 1, workspaces: int = 20, reserved: int = 0) -> list[float | None]:
    room = Room(
        {
            Pool.AGENTS: PoolRoom(Pool.AGENTS, agents, reserved=reserved),
            Pool.WORKSPACES: PoolRoom(Pool.WORKSPACES, workspaces, reserved=reserved),
        }
    )
    return forecast(arrivals, room=room, high_from=8)


def arrival(at: float, work_s: float = 10, **over: Any) -> Arrival:
    return Arrival(at, work_s, **over)


def test_nobody_waits_while_there_is_room() -> None:
    assert waits() == []
    assert waits(arrival(0), arrival(10), arrival(25)) == [0, 0, 0]
    assert waits(arrival(0), arrival(1), agents=2) == [0, 0]


def test_who_finds_no_room_waits_for_the_first_that_ends() -> None:
    assert waits(arrival(0), arrival(1), arrival(2)) == [0, 9, 18]
    assert waits(arrival(0, 30), arrival(0, 5), arrival(1), agents=2) == [0, 0, 4]


def test_the_smaller_pool_says_how_many_work_at_once() -> None:
    assert waits(arrival(0), arrival(0), agents=5, workspaces=1) == [0, 10]


def test_answers_are_in_the_order_that_was_given_whatever_the_order_of_arrival() -> None:
    assert waits(arrival(2), arrival(1), arrival(0)) == [18, 9, 0]


def test_a_higher_priority_goes_first() -> None:
    assert waits(arrival(0), arrival(1), arrival(2, priority=9)) == [0, 19, 8]


def test_the_reserved_share_is_for_high_priority_only() -> None:
    assert waits(arrival(0), arrival(0), agents=2, reserved=1) == [0, 10]
    assert waits(arrival(0), arrival(0, priority=8), agents=2, reserved=1) == [0, 0]
    assert waits(arrival(0, priority=8), arrival(0), agents=2, reserved=1) == [0, 0]


def test_whom_a_key_blocks_is_out_of_the_way_of_the_others() -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "key_limit": 1}
    assert waits(arrival(0, **mine), arrival(1, **mine), arrival(2), arrival(3, **mine), agents=5) == [0, 9, 0, 17]


def test_a_limit_of_nothing_starts_nothing() -> None:
    assert waits(arrival(0), agents=0) == [None]


def test_who_waits_too_long_expires_and_takes_nobodys_place() -> None:
    assert waits(arrival(0), arrival(1, expires_s=5), arrival(2)) == [0, None, 8]


def test_who_expires_behind_a_key_lets_the_next_one_in() -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "key_limit": 1}
    assert waits(arrival(0, **mine), arrival(1, expires_s=5, **mine), arrival(2, **mine)) == [0, None, 8]


@pytest.mark.parametrize("agents", [1, 2, 3])
def test_never_more_than_the_limit_work_at_once(agents: int) -> None:
    arrivals = [arrival(at * 3 % 17, 1 + at * 7 % 11, priority=1 + at % 10) for at in range(60)]
    told = waits(*arrivals, agents=agents)
    spans = [
        (one.at + wait, one.at + wait + one.work_s)
        for one, wait in zip(arrivals, told, strict=True)
        if wait is not None
    ]
    assert len(spans) == len(arrivals)
    assert max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans) == agents
