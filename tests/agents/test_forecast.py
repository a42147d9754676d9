"""The forecast: what admission would do, told from arrivals, durations and limits alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from agents.capacity import PoolRoom, Room
from agents.enums import Pool
from agents.forecast import Arrival, Gate, forecast


def waits(
    *arrivals: Arrival,
    agents: int = 1,
    workspaces: int = 20,
    reserved: int = 0,
    most_backlog: int | None = None,
    gates: Mapping[str, Gate] | None = None,
) -> list[float | None]:
    room = Room(
        {
            Pool.AGENTS: PoolRoom(Pool.AGENTS, agents, reserved=reserved, most_backlog=most_backlog),
            Pool.WORKSPACES: PoolRoom(Pool.WORKSPACES, workspaces, reserved=reserved, most_backlog=most_backlog),
        }
    )
    return forecast(arrivals, room=room, high_from=8, gates=gates)


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


def test_rates_bound_how_many_begin() -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "per_hour": 2, "per_day": 3}
    found = waits(*(arrival(at, **mine) for at in (0, 1, 2, 3)), arrival(4), agents=9)
    assert found == [0, 0, 3_598, 86_397, 0]


def test_who_waits_for_a_rate_may_expire() -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "per_hour": 1, "expires_s": 60.0}
    assert waits(arrival(0, **mine), arrival(1, **mine), agents=9) == [0, None]


def test_a_place_that_a_rate_forbids_to_one_is_for_the_next_behind_the_key() -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "key_limit": 1}
    found = waits(arrival(0, 100, **mine), arrival(1, per_hour=1, **mine), arrival(2, **mine), agents=9)
    assert found == [0, 3_699, 98]


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


# ---- when they are asked for ----


def test_what_is_put_off_keeps_its_place_in_the_order_of_asking() -> None:
    late = arrival(20, asked_at=0)
    assert waits(arrival(0, 20), arrival(15), late) == [0, 15, 0]
    assert waits(arrival(0, 20), arrival(15), arrival(21, asked_at=0)) == [0, 5, 9]


# ---- a backlog ----


def old(at: float, work_s: float = 10, **over: Any) -> Arrival:
    return Arrival(at, work_s, is_old=True, **over)


def test_of_one_priority_a_backlog_goes_behind_what_is_fresh_once_it_moves() -> None:
    assert waits(old(0, 100), arrival(0), old(1), arrival(2), arrival(3), agents=2) == [0, 0, 29, 8, 17]
    # While nothing of it is at work its first goes before what is fresh.
    assert waits(arrival(0), arrival(1), old(2)) == [0, 19, 8]
    assert waits(old(0), old(0), arrival(1), agents=2, most_backlog=1) == [0, 10, 0]


def test_a_high_priority_backlog_goes_before_fresh_ones_of_a_low_one() -> None:
    assert waits(arrival(0), arrival(1), old(2, priority=7)) == [0, 19, 8]


def test_a_backlog_has_its_share_and_what_ends_gives_it_back() -> None:
    assert waits(old(0), old(0), old(0), old(0), agents=4, most_backlog=2) == [0, 0, 10, 10]
    # Whatever of the share is taken, fresh ones start.
    assert waits(old(0), old(0), arrival(0), agents=2, most_backlog=1) == [0, 10, 0]


def test_in_a_backlog_triggers_alternate() -> None:
    many = [old(at, key="trigger:1") for at in range(4)]
    one, later = old(4, key="trigger:2"), old(12, key="trigger:3")
    assert waits(*many, one, later) == [0, 9, 38, 47, 16, 18]


def test_who_joins_a_backlog_again_goes_neither_before_all_others_nor_behind_the_last() -> None:
    first = old(0, key="trigger:1")
    many = [old(1, key="trigger:2") for _ in range(3)]
    again = old(15, key="trigger:1")
    assert waits(first, *many, again) == [0, 9, 19, 39, 15]


# ---- a gate ----


class Doorman:
    """Lets in who may come in, and remembers who was where."""

    def __init__(self, shut: Sequence[int] = (), gives_way: Mapping[int, Sequence[int]] | None = None) -> None:
        self.shut = shut
        self.gives_way = gives_way or {}
        self.seen: list[tuple[str, int]] = []

    def enter(self, place: int) -> Sequence[int] | None:
        self.seen.append(("enter", place))
        return None if place in self.shut else self.gives_way.get(place, ())

    def start(self, place: int) -> None:
        self.seen.append(("start", place))

    def leave(self, place: int) -> None:
        self.seen.append(("leave", place))


def test_a_gate_is_asked_in_order_and_told_what_starts_and_ends() -> None:
    gate = Doorman(shut=[2])
    mine: dict[str, Any] = {"key": "trigger:1"}
    told = waits(
        arrival(0, **mine), arrival(1, expires_s=5, **mine), arrival(2, **mine), arrival(3), gates={"trigger:1": gate}
    )
    assert told == [0, None, None, 7]
    assert gate.seen == [("enter", 0), ("start", 0), ("enter", 1), ("enter", 2), ("leave", 0), ("leave", 1)]


@pytest.mark.parametrize("is_old", [False, True])
def test_who_gives_way_leaves_the_queue_and_the_next_one_comes_up(is_old: bool) -> None:
    mine: dict[str, Any] = {"key": "trigger:1", "key_limit": 1, "is_old": is_old}
    gate = Doorman(gives_way={3: [1]})
    one = [arrival(at, **mine) for at in range(4)]
    assert waits(*one, agents=9, gates={"trigger:1": gate}) == [0, None, 8, 17]


# ---- turns ----


def test_those_of_one_turn_go_one_after_the_other_in_the_order_of_asking() -> None:
    same: dict[str, Any] = {"key": "trigger:1", "turn": 7}
    assert waits(*(arrival(at, **same) for at in range(3)), arrival(2, key="trigger:1", turn=8), agents=9) == [
        0,
        9,
        18,
        0,
    ]
    low_first = [arrival(0, priority=1, **same), arrival(1, priority=9, **same)]
    assert waits(arrival(0), *low_first, agents=1) == [0, 10, 19]


def test_one_that_expires_or_gives_way_leaves_its_turn() -> None:
    same: dict[str, Any] = {"key": "trigger:1", "turn": 7}
    assert waits(arrival(0, **same), arrival(1, expires_s=5, **same), arrival(2, **same), agents=9) == [0, None, 8]


def test_one_at_work_that_gives_way_is_stopped_at_once() -> None:
    gate = Doorman(gives_way={1: [0]})
    mine: dict[str, Any] = {"key": "trigger:1", "key_limit": 1, "turn": 7}
    assert waits(arrival(0, **mine), arrival(4, **mine), arrival(5), agents=2, gates={"trigger:1": gate}) == [0, 0, 0]
