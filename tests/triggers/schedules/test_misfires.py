"""What becomes of missed slots: a table of policies, gaps and graces."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.triggers.schedules.oracle import utc
from triggers.schedules.misfires import MOST_AT_ONCE, Misfire, Settled, settle
from triggers.schedules.plan import Due, Plan
from triggers.schedules.slots import Mark, Slot

ANCHOR = utc("2026-11-20 00:00")
HOURLY = Plan(zone="UTC", anchor=ANCHOR, every_s=3_600)
GRACE = timedelta(seconds=60)


def settled(slept_from: int, wakes: str, misfire: Misfire, catch_up: int = 0) -> Settled:
    """``slept_from``: the hour of the last slot that was seen."""
    mark = Mark.after(ANCHOR + timedelta(hours=slept_from))
    return settle(HOURLY, mark, now=utc(f"2026-11-20 {wakes}"), misfire=misfire, grace=GRACE, catch_up=catch_up)


def hours(dues: Sequence[Due]) -> list[int]:
    return [one.slot.at.hour for one in dues]


@pytest.mark.parametrize(
    ("wakes", "misfire", "catch_up", "fires", "missed"),
    [
        # Nothing due.
        ("01:59:59", Misfire.RUN_ONCE, 0, [], []),
        # On time, whatever the policy.
        ("02:00:00", Misfire.SKIP, 0, [2], []),
        ("02:01:00", Misfire.SKIP, 0, [2], []),
        ("02:01:00", Misfire.RUN_ONCE, 0, [2], []),
        ("02:01:00", Misfire.CATCH_UP, 3, [2], []),
        # One late.
        ("02:01:01", Misfire.SKIP, 0, [], [2]),
        ("02:01:01", Misfire.RUN_ONCE, 0, [2], []),
        ("02:01:01", Misfire.CATCH_UP, 3, [2], []),
        # Four late.
        ("05:30:00", Misfire.SKIP, 0, [], [2, 3, 4, 5]),
        ("05:30:00", Misfire.RUN_ONCE, 0, [5], [2, 3, 4]),
        ("05:30:00", Misfire.CATCH_UP, 1, [5], [2, 3, 4]),
        ("05:30:00", Misfire.CATCH_UP, 3, [3, 4, 5], [2]),
        ("05:30:00", Misfire.CATCH_UP, 9, [2, 3, 4, 5], []),
        # Three late and one on time.
        ("05:00:30", Misfire.SKIP, 0, [5], [2, 3, 4]),
        ("05:00:30", Misfire.RUN_ONCE, 0, [5], [2, 3, 4]),
        ("05:00:30", Misfire.CATCH_UP, 2, [3, 4, 5], [2]),
    ],
)
def test_the_table(wakes: str, misfire: Misfire, catch_up: int, fires: list[int], missed: list[int]) -> None:
    found = settled(1, wakes, misfire, catch_up)
    assert (hours(found.fires), hours(found.missed)) == (fires, missed)
    assert not found.is_more
    assert found.next_due is not None
    assert found.next_due.slot.at.hour == max([1, *fires, *missed]) + 1


def test_what_makes_up_for_something_is_told_from_what_is_on_time() -> None:
    found = settled(1, "05:00:30", Misfire.CATCH_UP, 2)
    assert found.late == {"2026-11-20T03:00Z", "2026-11-20T04:00Z"}


def test_the_mark_stands_behind_the_last_one_and_nothing_comes_twice() -> None:
    found = settled(1, "05:30:00", Misfire.SKIP)
    again = settle(HOURLY, found.mark, now=utc("2026-11-20 05:30:00"), misfire=Misfire.SKIP, grace=GRACE)
    assert (again.fires, again.missed, again.mark) == ([], [], found.mark)


def test_after_the_last_slot_nothing_is_due() -> None:
    plan = replace(HOURLY, ends_at=utc("2026-11-20 02:00"))
    found = settle(
        plan, Mark.after(utc("2026-11-20 01:00")), now=utc("2026-11-20 02:00"), misfire=Misfire.SKIP, grace=GRACE
    )
    assert (hours(found.fires), found.next_due) == ([2], None)


@pytest.mark.parametrize(("misfire", "catch_up", "expected"), [
    (Misfire.SKIP, 0, 0), (Misfire.RUN_ONCE, 0, 1), (Misfire.CATCH_UP, 7, 7), (Misfire.CATCH_UP, 100, 100),
])  # fmt: skip
def test_a_long_sleep_is_settled_step_by_step_to_the_same_end(misfire: Misfire, catch_up: int, expected: int) -> None:
    plan, mark = replace(HOURLY, every_s=60), Mark.after(ANCHOR)
    now = ANCHOR + timedelta(minutes=2_000, seconds=1)
    fires, missed, steps = [], 0, 0
    while True:
        found = settle(plan, mark, now=now, misfire=misfire, grace=timedelta(), catch_up=catch_up)
        fires += [one.slot.at for one in found.fires]
        missed += len(found.missed)
        assert len(found.fires) + len(found.missed) <= MOST_AT_ONCE
        mark, steps = found.mark, steps + 1
        if not found.is_more:
            break
    assert steps > 3
    assert fires == [ANCHOR + timedelta(minutes=2_000 - back) for back in range(expected)][::-1]
    assert missed == 2_000 - expected


def test_with_jitter_a_slot_is_due_when_it_fires() -> None:
    plan = replace(HOURLY, jitter_s=1_800, seed=3)
    coming = next(plan.due(Mark.after(ANCHOR)))
    assert coming.fires_at > coming.slot.at
    before = settle(
        plan, Mark.after(ANCHOR), now=coming.fires_at - timedelta(milliseconds=1), misfire=Misfire.SKIP, grace=GRACE
    )
    after = settle(plan, Mark.after(ANCHOR), now=coming.fires_at, misfire=Misfire.SKIP, grace=GRACE)
    assert (list(before.fires), list(after.fires)) == ([], [coming])
    assert before.next_due == coming


def test_no_slot_is_looked_at_beyond_the_first_that_is_not_due(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at = []
    real = Plan.jitter

    def noted(plan: Plan, slot: Slot) -> timedelta:
        looked_at.append(slot.at)
        return real(plan, slot)

    monkeypatch.setattr(Plan, "jitter", noted)
    settled(1, "03:00:30", Misfire.RUN_ONCE)
    assert [at.hour for at in looked_at] == [2, 3, 4]
