"""What may not be saved, by the name of its field."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.triggers.schedules.oracle import utc
from triggers.schedules.days import read_days
from triggers.schedules.settings import Settings, least_spacing, settings_problems

NOW = utc("2026-11-20 12:00")


@pytest.mark.parametrize(
    "raw",
    [
        {"cron": "0 9 * * 1-5"},
        {"cron": "@daily", "timezone": "Europe/Paris", "jitter_s": 3600, "grace_s": 3600},
        {"every_s": 10},
        {"every_s": 300, "misfire": "catch_up", "catch_up": 100, "starts_at": NOW, "ends_at": NOW + timedelta(days=1)},
        {"cron": "0 9 * * *", "skip_days": "2026-12-25 Christmas\n12-26"},
    ],
)
def test_what_makes_sense_is_taken(raw: dict[str, Any]) -> None:
    assert settings_problems(raw, now=NOW) == []


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({}, "cron", "either cron"),
        ({"cron": "0 9 * * *", "every_s": 60}, "cron", "either cron"),
        ({"cron": "0 0 30 2 *"}, "cron", "cron: It never fires"),
        ({"cron": "0 25 * * *"}, "cron", "The hour 25"),
        ({"every_s": 9}, "every_s", "from 10 (no more often)"),
        ({"every_s": 366 * 86_400 + 1}, "every_s", "(a year)"),
        ({"every_s": True}, "every_s", "must be a whole number"),
        ({"every_s": 60.5}, "every_s", "must be a whole number"),
        ({"cron": 5}, "cron", "must be text"),
        ({"cron": "@daily", "timezone": "Mars/Olympus"}, "timezone", "There is no time zone 'Mars/Olympus'"),
        ({"cron": "@daily", "timezone": "../../etc/passwd"}, "timezone", "There is no time zone"),
        ({"cron": "@daily", "timezone": ""}, "timezone", "There is no time zone"),
        ({"cron": "@daily", "skip_days": "soon"}, "skip_days", "Line 1: 'soon' is no day"),
        ({"cron": "@daily", "starts_at": "2026-01-01"}, "starts_at", "must be a time"),
        ({"cron": "@daily", "starts_at": datetime(2027, 1, 1)}, "starts_at", "distance from UTC"),  # noqa: DTZ001
        ({"cron": "@daily", "starts_at": utc("9999-12-31 00:00")}, "starts_at", "between the years"),
        ({"cron": "@daily", "ends_at": NOW}, "ends_at", "is over"),
        (
            {"cron": "@daily", "starts_at": NOW + timedelta(days=2), "ends_at": NOW + timedelta(days=1)},
            "ends_at",
            "later",
        ),
        ({"cron": "0 9 * * *", "ends_at": NOW + timedelta(hours=1)}, "ends_at", "first slot comes after ends_at"),
        ({"cron": "@daily", "jitter_s": -1}, "jitter_s", "from 0 to 3600"),
        ({"cron": "*/5 * * * *", "jitter_s": 300}, "jitter_s", "less than the 300 s"),
        ({"every_s": 30, "jitter_s": 30}, "jitter_s", "less than the 30 s"),
        ({"cron": "@daily", "grace_s": 4}, "grace_s", "from 5 to 86400"),
        ({"cron": "*/5 * * * *", "grace_s": 301}, "grace_s", "300 s from one slot to the next"),
        ({"cron": "@daily", "catch_up": 0}, "catch_up", "from 1 to 100"),
        ({"cron": "@daily", "catch_up": 101}, "catch_up", "from 1 to 100"),
        ({"cron": "@daily", "misfire": "twice"}, "misfire", "one of skip, run_once, catch_up"),
        ({"cron": "@daily", "when": "now"}, "when", "when does not exist; there are cron"),
    ],
)
def test_what_makes_none_is_refused_by_the_name_of_its_field(raw: dict[str, Any], path: str, words: str) -> None:
    problems = settings_problems(raw, now=NOW)
    assert [problem.path for problem in problems] == [path]
    assert words in problems[0].message


def test_what_rests_whenever_it_would_run_is_refused() -> None:
    raw = {"cron": "0 9 25 12 *"}
    assert settings_problems(raw, now=NOW) == []
    found = settings_problems(raw, now=NOW, rests=read_days(["12-25"]))
    assert [(problem.path, problem.code) for problem in found] == [("skip_days", "never")]
    own = settings_problems({**raw, "skip_days": "12-25", "ends_at": NOW + timedelta(days=400)}, now=NOW)
    assert [(problem.path, problem.code) for problem in own] == [("skip_days", "never")]


def test_all_that_is_wrong_is_told_at_once() -> None:
    raw = {"cron": "x", "timezone": "y", "jitter_s": -1}
    assert [problem.path for problem in settings_problems(raw, now=NOW)] == ["cron", "timezone", "jitter_s"]


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        (Settings(every_s=90), 90),
        (Settings(cron="* * * * *"), 60),
        (Settings(cron="0 9 * * *"), 86_400),
        (Settings(cron="0,50 23,0 * * *"), 600),
        (Settings(cron="0 9,17 * * *"), 8 * 3600),
    ],
)
def test_the_shortest_time_between_two_slots(settings: Settings, seconds: int) -> None:
    assert least_spacing(settings) == seconds
