"""Slots against a brute-force oracle, around every change of the clock in six zones; and single cases by name."""

from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.schedules.oracle import runs, utc
from triggers.schedules import zones
from triggers.schedules.cron import parse
from triggers.schedules.slots import Mark, Slot, cron_slots, interval_slots

YEARS = (2026, 2027)
ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kathmandu",
)
EXPRESSIONS = (
    "30 1 * * *",
    "30 2 * * *",
    "0,15,30,45 2 * * *",
    "0 0 * * *",
    "15,45 23,0 * * *",
    "10 1-4 * * sun",
    "*/20 * * * *",
    "*/30 2 * * *",
    "5 */2 * * *",
    "20-40/10 * 25-31 3,10 0",
)
AROUND = [timedelta(minutes=minutes) for minutes in (-1500, -61, -31, -1, 0, 1, 29, 30, 59, 60, 61, 179, 181)]
KATHMANDU = [utc("2026-03-28 20:15")]
"""It has no summer time; this is as good a moment as any."""


def moments(zone: str) -> list[datetime]:
    return [change.at for year in YEARS for change in zones.changes(zone, year)] or KATHMANDU


def found(expression: str, zone: str, after: datetime, end: datetime) -> list[tuple[datetime, str]]:
    slots = cron_slots(parse(expression), zone, Mark.after(after))
    return [(slot.at, f"{slot.wall:%Y-%m-%dT%H:%M}") for slot in takewhile(lambda slot: slot.at <= end, slots)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_slots_around_a_change_are_those_of_a_daemon_that_watches_the_wall_clock(expression: str, zone: str) -> None:
    for moment in moments(zone):
        end = moment + timedelta(hours=30)
        everything = runs(expression, zone, moment - timedelta(hours=26), end)
        for offset in AROUND:
            after = moment + offset
            assert found(expression, zone, after, end) == [one for one in everything if one[0] > after]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_going_from_slot_to_slot_leaves_none_out_and_repeats_none(expression: str, zone: str) -> None:
    for moment in moments(zone):
        start, end = moment - timedelta(hours=26), moment + timedelta(hours=26)
        mark, seen = Mark.after(start), []
        while (slot := next(cron_slots(parse(expression), zone, mark))).at <= end:
            seen.append(slot)
            mark = slot.mark
        assert [(slot.at, f"{slot.wall:%Y-%m-%dT%H:%M}") for slot in seen] == runs(expression, zone, start, end)
        assert len({slot.key for slot in seen}) == len(seen)


def test_the_zones_of_the_table_do_change_their_clocks() -> None:
    assert {zone: len(moments(zone)) for zone in ZONES} == dict.fromkeys(ZONES, 4) | {"Asia/Kathmandu": 1}
    lord_howe = zones.changes("Australia/Lord_Howe", 2026)
    assert {abs(change.forward) for change in lord_howe} == {timedelta(minutes=30)}


def day(expression: str, zone: str, start: str, hours: int = 24) -> list[str]:
    begin = utc(start)
    slots = cron_slots(parse(expression), zone, Mark.before(begin))
    until = begin + timedelta(hours=hours)
    return [f"{slot.key} at {slot.at:%H:%M}" for slot in takewhile(lambda slot: slot.at < until, slots)]


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        # Paris leaps from 02:00 to 03:00 at 01:00 UTC on 29 March 2026, and back at 01:00 UTC on 25 October.
        ("30 2 * * *", "2026-03-28 23:00", ["2026-03-29T02:30 at 01:00"]),
        ("0,30 2,3 * * *", "2026-03-28 23:00", [
            "2026-03-29T02:00 at 01:00", "2026-03-29T02:30 at 01:00", "2026-03-29T03:00 at 01:00",
            "2026-03-29T03:30 at 01:30",
        ]),
        ("*/30 2 * * *", "2026-03-28 23:00", []),
        ("30 2 * * *", "2026-10-24 22:00", ["2026-10-25T02:30 at 00:30"]),
        ("*/30 2 * * *", "2026-10-24 22:00", [
            "2026-10-25T00:00Z at 00:00", "2026-10-25T00:30Z at 00:30",
            "2026-10-25T01:00Z at 01:00", "2026-10-25T01:30Z at 01:30",
        ]),
    ],
)  # fmt: skip
def test_debians_rule_in_paris(expression: str, start: str, expected: list[str]) -> None:
    assert day(expression, "Europe/Paris", start) == expected


def test_every_hour_runs_25_times_on_the_long_day_and_23_on_the_short_one() -> None:
    assert len(day("0 * * * *", "Europe/Paris", "2026-10-24 22:00", hours=25)) == 25
    assert len(day("0 * * * *", "Europe/Paris", "2026-03-28 23:00", hours=23)) == 23


def test_a_day_that_a_country_leaves_out_is_not_caught_up() -> None:
    # Samoa had no 30 December 2011: it went over the date line.
    assert day("0 9 * * *", "Pacific/Apia", "2011-12-29 12:00", hours=36) == [
        "2011-12-29T09:00 at 19:00",
        "2011-12-31T09:00 at 19:00",
    ]


def test_more_than_one_slot_of_an_instant_go_one_by_one() -> None:
    slots = cron_slots(parse("0,30 2 * * *"), "Europe/Paris", Mark.before(utc("2026-03-29 00:00")))
    first, second = islice(slots, 2)
    assert first.at == second.at
    assert next(cron_slots(parse("0,30 2 * * *"), "Europe/Paris", first.mark)) == second


@pytest.mark.parametrize("seconds", [10, 90, 3600, 86_400])
def test_an_interval_counts_from_its_anchor_whatever_the_clock_does(seconds: int) -> None:
    anchor, begin = utc("2026-01-01 00:00"), utc("2026-10-25 00:59")
    slots = list(islice(interval_slots(seconds, anchor, "Europe/Paris", Mark.after(begin)), 50))
    instants = [slot.at for slot in slots]
    assert instants[0] > begin >= instants[0] - timedelta(seconds=seconds)
    assert {later - earlier for earlier, later in pairwise(instants)} == {timedelta(seconds=seconds)}
    assert all((at - anchor) % timedelta(seconds=seconds) == timedelta() for at in instants)


def test_an_interval_begins_with_its_anchor_even_when_asked_long_before() -> None:
    anchor = utc("2026-01-01 00:00")
    first = next(interval_slots(60, anchor, "UTC", Mark.before(utc("2020-01-01 00:00"))))
    assert first == Slot(anchor, "2026-01-01T00:00Z", datetime(2026, 1, 1))  # noqa: DTZ001 - a wall time
    later = next(interval_slots(7, anchor, "UTC", Mark.after(anchor)))
    assert later.key == "2026-01-01T00:00:07Z"


@given(
    expression=st.sampled_from(EXPRESSIONS),
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 2 * 365 * 24 * 60),
)
def test_each_next_slot_is_later_and_no_earlier_one_is_left_out(expression: str, zone: str, minute: int) -> None:
    after = utc("2026-01-01 00:00") + timedelta(minutes=minute)
    end = after + timedelta(hours=6)
    assert found(expression, zone, after, end) == runs(expression, zone, after, end)


OTHERS = (
    "0 9 * * 1-5", "15 10 15 * *", "0 12 1/5 * *", "11 11 11 11 *", "0 0 29 2 *", "*/15 0-6,22-23 * * *", "0 0 1 */3 *",
    "59 23 28-31 * *", "0 0 * jan,jul mon", "0 0 13 * fri",
)  # fmt: skip


@pytest.mark.parametrize("expression", OTHERS)
def test_in_utc_croniter_says_the_same(expression: str) -> None:
    start = datetime(2026, 2, 27, 13, 7)  # noqa: DTZ001 - a wall time
    theirs = croniter(expression, start, implement_cron_bug=True)
    ours = cron_slots(parse(expression), "UTC", Mark.after(utc("2026-02-27 13:07")))
    assert [slot.wall for slot in islice(ours, 40)] == [theirs.get_next(datetime) for _ in range(40)]
