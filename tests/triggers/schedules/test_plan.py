"""A schedule with its start, end, jitter and rests; what comes next, as it is shown."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import islice

import pytest

from tests.triggers.schedules.oracle import runs, utc
from triggers.schedules.cron import parse
from triggers.schedules.days import read_days
from triggers.schedules.plan import Plan, preview
from triggers.schedules.slots import Mark

START = utc("2026-11-20 12:00")
PLAN = Plan(zone="Europe/Paris", anchor=START, cron=parse("0 9 * * *"))


def days(plan: Plan, count: int = 4) -> list[str]:
    return [f"{one.slot.wall:%m-%d}" for one in islice(plan.due(Mark.after(START)), count)]


def test_both_ends_are_part_of_it() -> None:
    plan = replace(PLAN, starts_at=utc("2026-11-22 08:00"), ends_at=utc("2026-11-24 08:00"))
    assert days(plan) == ["11-22", "11-23", "11-24"]


def test_a_start_that_is_over_changes_nothing() -> None:
    assert days(replace(PLAN, starts_at=utc("2026-01-01 00:00"))) == days(PLAN)


def test_it_rests_and_goes_on_after_it() -> None:
    plan = replace(PLAN, rests=read_days(["2026-11-21/2026-11-22", "2026-11-24"]))
    assert days(plan) == ["11-23", "11-25", "11-26", "11-27"]


def test_a_rest_of_a_year_is_left_at_once_by_what_runs_every_minute() -> None:
    plan = replace(PLAN, cron=parse("* * * * *"), rests=read_days(["2026-11-20/2027-11-19"]))
    first = next(plan.due(Mark.after(START)))
    assert first.slot.at == utc("2027-11-19 23:00")


def test_what_rests_every_day_never_comes() -> None:
    every_day = [f"{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 32)]
    usable = [line for line in every_day if line not in {"02-30", "02-31", "04-31", "06-31", "09-31", "11-31"}]
    assert next(replace(PLAN, rests=read_days(usable)).due(Mark.after(START)), None) is None


def test_a_rest_that_ends_where_the_clock_leaps_over_midnight_is_left() -> None:
    # Santiago leaps from 24:00 to 01:00 in the night to 6 September 2026.
    plan = replace(
        PLAN, zone="America/Santiago", cron=parse("30 0,12 * * *"), rests=read_days(["2026-09-05/2026-09-06"])
    )
    found = [one.slot.key for one in islice(plan.due(Mark.before(utc("2026-09-04 12:00"))), 2)]
    assert found == ["2026-09-04T12:30", "2026-09-07T00:30"]


def test_jitter_is_the_same_for_a_slot_whenever_it_is_asked_and_differs_from_one_to_the_next() -> None:
    plan = replace(PLAN, jitter_s=600, seed=7)
    twice = [[one.fires_at - one.slot.at for one in islice(plan.due(Mark.after(START)), 50)] for _ in range(2)]
    assert twice[0] == twice[1]
    assert all(timedelta() <= jitter < timedelta(seconds=600) for jitter in twice[0])
    assert len(set(twice[0])) > 40
    other = [one.fires_at - one.slot.at for one in islice(replace(plan, seed=8).due(Mark.after(START)), 50)]
    assert other != twice[0]


def test_without_jitter_it_fires_when_it_is_due() -> None:
    assert all(one.fires_at == one.slot.at for one in islice(PLAN.due(Mark.after(START)), 3))


def test_an_interval_rests_too() -> None:
    plan = Plan(zone="UTC", anchor=START, every_s=6 * 3600, rests=read_days(["2026-11-21"]))
    assert [one.slot.key for one in islice(plan.due(Mark.after(START)), 2)] == [
        "2026-11-20T18:00Z",
        "2026-11-22T00:00Z",
    ]


@pytest.mark.parametrize(
    ("cron", "start", "notes"),
    [
        ("30 2 * * *", "2026-03-27 12:00", ["", "moved", "", "", ""]),
        ("30 2 * * *", "2026-10-23 12:00", ["", "once", "", "", ""]),
        ("0 9 * * *", "2026-10-23 12:00", ["", "change_day", "", "", ""]),
        ("0 */12 * * *", "2026-10-24 12:00", ["change_day", "change_day", "", "", ""]),
        ("0 9 * * *", "2026-11-20 12:00", ["", "", "", "", ""]),
    ],
)
def test_the_days_on_which_the_clock_is_changed_are_marked(cron: str, start: str, notes: list[str]) -> None:
    shown = preview(replace(PLAN, cron=parse(cron)), Mark.after(utc(start)))
    assert [run.note for run in shown.runs] == notes


def test_a_moved_run_is_shown_at_the_time_it_runs() -> None:
    run = preview(replace(PLAN, cron=parse("30 2 * * *")), Mark.after(utc("2026-03-28 12:00"))).runs[0]
    assert run.local.isoformat() == "2026-03-29T03:00:00+02:00"
    assert runs("30 2 * * *", "Europe/Paris", utc("2026-03-28 12:00"), utc("2026-03-29 12:00")) == [
        (run.due.slot.at, "2026-03-29T02:30")
    ]


def test_the_days_on_which_it_rests_are_told() -> None:
    plan = replace(PLAN, cron=parse("0 9 * * 1-5"), rests=read_days(["2026-11-21/2026-11-24", "12-25"]))
    shown = preview(plan, Mark.after(START))
    # 21 and 22 November are a weekend, on which it does not run anyway.
    assert shown.rests == (date(2026, 11, 23), date(2026, 11, 24))
    assert preview(replace(plan, ends_at=START), Mark.after(START)) == ((), ())
    later = preview(replace(plan, starts_at=utc("2026-11-24 00:00")), Mark.after(START))
    assert later.rests == (date(2026, 11, 24),)
    assert preview(replace(plan, cron=None, every_s=43_200), Mark.after(START)).rests == (
        date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24),
    )  # fmt: skip


@pytest.mark.parametrize("minute", ["0", "*"])
def test_an_expression_that_names_nothing_ends(minute: str) -> None:
    """None such is taken; one that got in all the same holds up nobody."""
    never = replace(parse(f"{minute} 0 28 2 *"), days=(30,))
    assert list(replace(PLAN, cron=never).due(Mark.after(START))) == []
