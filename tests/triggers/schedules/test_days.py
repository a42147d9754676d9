"""Days on which a schedule rests, as people write them."""

from datetime import date

import pytest

from triggers.schedules.days import BadDays, read_days

LINES = ["2026-12-25 Christmas", "", "# holidays", "2026-07-01/2026-07-14 closed", "05-01 Labour Day", "02-29"]


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        ("2026-12-25", True),
        ("2027-12-25", False),
        ("2026-06-30", False),
        ("2026-07-01", True),
        ("2026-07-14", True),
        ("2026-07-15", False),
        ("2026-05-01", True),
        ("2031-05-01", True),
        ("2028-02-29", True),
        ("2026-02-28", False),
    ],
)
def test_it_rests_on_the_days_of_the_list(day: str, rests: bool) -> None:
    assert read_days(LINES).rests(date.fromisoformat(day)) is rests


def test_a_rest_goes_to_the_end_of_the_longest_span() -> None:
    days = read_days(["2026-07-01/2026-07-14", "2026-07-10/2026-07-20"])
    assert days.rests_until(date(2026, 7, 10)) == date(2026, 7, 20)
    assert days.rests_until(date(2026, 8, 1)) == date(2026, 8, 1)


def test_two_lists_are_one() -> None:
    both = read_days(["2026-12-25"]) | read_days(["01-01"])
    assert [both.rests(day) for day in (date(2026, 12, 25), date(2030, 1, 1), date(2030, 12, 25))] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "line",
    [
        "tomorrow", "25.12.2026", "2026-13-01", "2026-02-30", "02-30", "13-01", "2026-07-14/2026-07-01",
        "2026-01-01/2027-01-02", "2026-12-25/", "20261225", "\u0662\u0660\u0662\u0666-12-25",
    ],
)  # fmt: skip
def test_what_is_no_day_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BadDays, match=r"Line 2: .* is no day\. Write 2026-12-25"):
        read_days(["2026-12-24", line])


def test_a_span_may_have_a_year() -> None:
    assert read_days(["2026-01-01/2027-01-01"]).rests(date(2027, 1, 1))


def test_a_list_has_an_end() -> None:
    with pytest.raises(BadDays, match="more than 400 lines"):
        read_days(["2026-12-25"] * 401)
