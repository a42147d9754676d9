"""The ladder of overload as a table: one rung at a time, up while a bound is reached, down after a calm while."""

from datetime import timedelta

import pytest

from agents.enums import Rung
from agents.ladder import CALM_FOR, CLIMB_AFTER, HOLDS_BACK, SIGNALS, Standing, eased, rung_of, step
from tests.factories.agents import NOON

QUIET = {signal.name: 0.0 for signal in SIGNALS}
S = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "value", "rung"),
    [
        ("decide_age_s", 9.9, 0),
        ("decide_age_s", 10, 1),
        ("decide_age_s", 30, 2),
        ("decide_age_s", 120, 3),
        ("decide_age_s", 1e9, 3),  # what is stored is safe: waiting alone never closes the door
        ("decide_count", 1_999, 0),
        ("decide_count", 50_000, 3),
        ("decide_count", 200_000, 4),
        ("disk_used", 0.919, 0),
        ("disk_used", 0.98, 4),
        ("lock_wait_s", 1.9, 0),
        ("lock_wait_s", 20, 4),
    ],
)
def test_each_signal_leads_as_far_as_its_bounds_say_and_one_rung_at_a_time(name: str, value: float, rung: int) -> None:
    (signal,) = [one for one in SIGNALS if one.name == name]
    assert rung_of(value, signal.up) == rung
    standing, now = Standing(Rung.CALM), NOON
    seen = [standing.rung]
    for _ in range(60):
        standing = step(standing, {**QUIET, name: value}, now=now)
        if standing.rung != seen[-1]:
            seen.append(standing.rung)
        now += S
    assert seen == list(range(rung + 1))
    assert bool(standing.reason) == bool(rung)


def test_between_two_rungs_lies_a_while() -> None:
    first = step(Standing(Rung.CALM), {**QUIET, "lock_wait_s": 99}, now=NOON)
    assert first == Standing(Rung.POLLS_SLOW, NOON, "who writes to the database waits for 99.0 s")
    assert step(first, {**QUIET, "lock_wait_s": 99}, now=NOON + CLIMB_AFTER - S).rung == Rung.POLLS_SLOW
    assert step(first, {**QUIET, "lock_wait_s": 99}, now=NOON + CLIMB_AFTER).rung == Rung.LOW_WAITS


def test_it_goes_down_one_by_one_after_a_calm_while_each() -> None:
    standing = Standing(Rung.BULK_STOPS, NOON, "a lot waits")
    rungs = []
    for second in range(int(3 * CALM_FOR / S) + 1):
        standing = step(standing, QUIET, now=NOON + second * S)
        rungs.append(standing.rung)
    assert [rungs.index(Rung(rung)) for rung in (3, 2, 1, 0)] == [0, 15, 30, 45]
    assert standing == Standing(Rung.CALM, NOON + 3 * CALM_FOR)


def test_it_does_not_flutter_around_a_bound() -> None:
    standing = Standing(Rung.POLLS_SLOW, NOON, "a delivery has waited")
    for second, age in enumerate([9, 5, 4, 5, 9, 4, 6] * 10):
        standing = step(standing, {**QUIET, "decide_age_s": age}, now=NOON + second * S)
    assert standing.rung == Rung.POLLS_SLOW
    assert standing.calm_since is None


def test_every_lower_bound_lies_below_its_upper_one() -> None:
    for signal in SIGNALS:
        for up, down in zip(signal.up, signal.down, strict=True):
            assert (up is None) == (down is None)
            assert up is None or down is None or down < up


def test_what_has_to_ease_is_said_with_the_lower_bounds_of_the_rung() -> None:
    assert eased(Rung.CALM) == ()
    assert eased(Rung.LOW_WAITS) == (
        "no delivery has waited for its answer for 15 s",
        "fewer than 5,000 wait",
        "more than 7% of the disk is free",
        "who writes to the database waits for less than 1 s",
    )
    # However long deliveries wait: that alone never closed the door.
    assert len(eased(Rung.DOOR_CLOSED)) == 3


def test_each_rung_but_calm_says_what_it_holds_back() -> None:
    assert set(HOLDS_BACK) == set(Rung) - {Rung.CALM}
