"""The time_window leaf: days and hours by the clock on the wall, over midnight and when summer time begins and ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triggers.conditions.facts_for_tests import answer, holds, leaf, make_event
from triggers.conditions.leaves.time_window import DAYS
from triggers.conditions.schema import validate
from triggers.matching.program import compiled

pytestmark = pytest.mark.one_pass
BERLIN = "Europe/Berlin"
FIRST = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def hours(start: str | None = None, end: str | None = None, *days: str, zone: str = BERLIN) -> dict[str, Any]:
    return leaf("time_window", zone=zone, **{"from": start, "to": end, "days": list(days)})


def at(text: str) -> Any:
    return make_event(time=datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("tree", "moment", "expected"),
    [
        (hours("09:00", "17:00"), "2026-07-01T07:00Z", True),  # nine in summer
        (hours("09:00", "17:00"), "2026-12-01T07:00Z", False),  # eight in winter
        (hours("09:00", "17:00"), "2026-07-01T14:59:59Z", True),
        (hours("09:00", "17:00"), "2026-07-01T15:00Z", False),
        (hours("09:00"), "2026-07-01T21:59Z", True),
        (hours("09:00", "24:00"), "2026-07-01T22:00Z", False),
        (hours(None, "09:00"), "2026-06-30T22:00Z", True),
        (hours(), "2026-06-30T22:00Z", True),
        (hours(None, None, "wed"), "2026-06-30T22:00Z", True),  # Wednesday there, Tuesday in UTC
        (hours(None, None, "tue"), "2026-06-30T22:00Z", False),
        # Over midnight it is the night of the day on which it begins.
        (hours("22:00", "06:00", "fri"), "2026-11-20T22:30+01:00", True),
        (hours("22:00", "06:00", "fri"), "2026-11-21T05:59+01:00", True),
        (hours("22:00", "06:00", "fri"), "2026-11-21T06:00+01:00", False),
        (hours("22:00", "06:00", "fri"), "2026-11-20T05:00+01:00", False),
        (hours("22:00", "06:00", "fri"), "2026-11-21T23:00+01:00", False),
        (hours("22:00", "06:00", "sun"), "2026-11-23T01:00+01:00", True),
        # 29 March: 02:00 to 03:00 does not exist. 25 October: it is there twice.
        (hours("02:00", "03:00"), "2026-03-29T00:59:59Z", False),
        (hours("02:00", "03:00"), "2026-03-29T01:00Z", False),
        (hours("02:30", "04:00"), "2026-03-29T01:00Z", True),
        (hours("02:00", "03:00"), "2026-10-25T00:30Z", True),
        (hours("02:00", "03:00"), "2026-10-25T01:30Z", True),
        (hours("02:00", "03:00"), "2026-10-25T02:00Z", False),
        (hours("09:00", "17:00", zone="Asia/Kathmandu"), "2026-11-20T03:15Z", True),
        (hours("09:00", "17:00", zone="UTC"), "2026-11-20T09:00", True),  # it names no zone
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(tree: Any, moment: str, expected: bool) -> None:
    assert validate(tree) == []
    assert holds(tree, at(moment)) is expected


@given(
    moment=st.datetimes(FIRST, FIRST + timedelta(days=3653)),
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    zone=st.sampled_from([BERLIN, "America/St_Johns", "Australia/Lord_Howe", "UTC"]),
)
def test_it_holds_exactly_inside_the_windows_written_out_day_by_day(
    moment: datetime, start: int, length: int, days: set[str], zone: str
) -> None:
    """The oracle: each window of the days around, as a pair of readings of the clock on the wall."""
    tree = hours(_clock(start), _clock(start + length), *sorted(days), zone=zone)
    read = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    begins = [
        datetime.combine(day, datetime.min.time()) + timedelta(minutes=start)
        for day in (read.date() - timedelta(days=1), read.date())
        if DAYS[date.weekday(day)] in days
    ]
    expected = any(begin <= read < begin + timedelta(minutes=length) for begin in begins)
    assert holds(tree, make_event(time=moment.replace(tzinfo=UTC))) is expected


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def test_the_answer_names_the_hours_and_the_time_there() -> None:
    line = answer(hours("09:00", "17:00", "mon"), at("2026-07-01T07:05Z")).because
    assert line.expected == "mon from 09:00 to 17:00 in Europe/Berlin"
    assert line.actual == "wed 2026-07-01 09:05 (CEST)"


def test_an_event_without_a_time_is_in_no_window() -> None:
    verdict = answer(hours())
    assert (verdict.matched, verdict.error) == (False, None)
    assert verdict.because.actual == "the event names no time"


def test_a_time_at_the_end_of_the_calendar_cannot_be_told() -> None:
    verdict = answer(hours(), at("9999-12-31T23:59Z"))
    assert (verdict.matched, verdict.error) == (False, "the event's time is outside the years that a calendar has")
    assert compiled(hours())(at("9999-12-31T23:59Z"), None) is None


@pytest.mark.parametrize(
    ("config", "where", "code"),
    [
        ({}, "zone", "required"),
        ({"zone": "Mars/Base"}, "zone", "bad_zone"),
        ({"zone": "Europe"}, "zone", "bad_zone"),
        ({"zone": "../../etc/passwd"}, "zone", "bad_zone"),
        ({"zone": "/etc/localtime"}, "zone", "bad_zone"),
        ({"zone": "UTC", "days": ["Monday"]}, "days[0]", "not_one_of"),
        ({"zone": "UTC", "from": "9:00"}, "from", "bad_time"),
        ({"zone": "UTC", "from": "24:00"}, "from", "bad_time"),
        ({"zone": "UTC", "to": "17"}, "to", "bad_time"),
        ({"zone": "UTC", "to": "25:00"}, "to", "bad_time"),
        ({"zone": "UTC", "from": "09:00", "to": "09:00"}, "to", "wrong_order"),
        ({"zone": "UTC", "to": "00:00"}, "to", "wrong_order"),
    ],
)
def test_hours_that_cannot_be_meant_are_refused_where_they_are_wrong(
    config: dict[str, Any], where: str, code: str
) -> None:
    (problem,) = validate([{"type": "time_window", "config": config}])
    assert (problem.path, problem.code) == (f"conditions[0].config.{where}", code)
