"""What is no cron expression is refused with the name of the field."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers.schedules.cron import ALIASES, BadCron, parse


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 0 30 2 *", "It never fires: the month feb has no day of the month 30."),
        ("0 0 31 2,4,6,9,11 *", "has no day of the month 31"),
        ("0 0 31 4 */2", "the month apr has no day of the month 31"),
        ("R R * * *", "The minute 'R' is not understood; write numbers from 0 to 59."),
        ("L * * * *", "The minute 'L' is not understood"),
        ("0 0 L * *", "The day of the month 'L'"),
        ("0 0 * * 1#2", "The day of the week '1#2'"),
        ("? * * * *", "The minute '?'"),
        ("H H * * *", "The minute 'H'"),
        ("60 * * * *", "The minute 60 is not between 0 and 59."),
        ("0 24 * * *", "The hour 24 is not between 0 and 23."),
        ("0 0 0 * *", "The day of the month 0 is not between 1 and 31."),
        ("0 0 * 13 *", "The month 13 is not between 1 and 12."),
        ("0 0 * * 8", "The day of the week 8 is not between 0 and 7."),
        ("0 0 * feb-jan *", "The month feb-jan runs backwards"),
        ("22-2 * * * *", "The minute 22-2 runs backwards; write it as two, with a comma between."),
        ("*/0 * * * *", "The step of the minute */0 is not between 1 and 59."),
        ("*/60 * * * *", "The step of the minute */60 is not between 1 and 59."),
        ("*/x * * * *", "a step is a whole number"),
        ("1,,2 * * * *", "The minute '' is not understood"),
        ("0 0 * * \u0663", "The day of the week '\u0663' is not understood"),
        ("* * * * * *", "this one has 6"),
        ("0 9 * *", "this one has 4"),
        ("", "this one has 0"),
        ("@reboot", "The alias '@reboot' is not known; there are @hourly"),
        ("* " * 20_000, "longer than 100 characters"),
    ],
)
def test_what_is_absurd_or_impossible_is_refused_by_the_name_of_its_field(text: str, words: str) -> None:
    with pytest.raises(BadCron) as refused:
        parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_stands_for_five_fields(alias: str) -> None:
    assert parse(alias) == parse(ALIASES[alias])
    assert parse(f" {alias.upper()} ") == parse(alias)


def test_names_and_sunday_as_seven_are_read() -> None:
    assert parse("0 0 * JAN-mar Sun").months == (1, 2, 3)
    assert parse("0 0 * * 5-7").weekdays == frozenset({0, 5, 6})
    assert parse("0 0 * * 0").weekdays == parse("0 0 * * 7").weekdays == frozenset({0})


def test_what_a_step_or_a_list_names() -> None:
    found = parse("5/20 8-12/2,20 1,31 * *")
    assert (found.minutes, found.hours, found.days) == ((5, 25, 45), (8, 10, 12, 20), (1, 31))
    assert parse("0 0 29 2 *").text == "0 0 29 2 *"


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        ("0 9 * * *", False),
        ("*/5 9 * * *", True),
        ("0 * * * *", True),
        ("0 */3 * * *", True),
        ("0-59 0-23 * * *", False),
    ],
)
def test_a_star_in_front_of_minute_or_hour_makes_it_follow_real_time(text: str, follows: bool) -> None:
    assert parse(text).follows_real_time is follows


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadCron):
        assert parse(text).minutes
