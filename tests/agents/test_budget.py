"""The arithmetic of budgets: what lets a start in, what that reserves, when the next window begins."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from agents.budget import (
    Account,
    BudgetBounds,
    BudgetRoom,
    Share,
    Unit,
    begins_on,
    ends_at,
    money_words,
    shortage_words,
)
from agents.enums import BudgetWindow

END = datetime(2026, 12, 1, tzinfo=UTC)


def room(**accounts: Account) -> BudgetRoom:
    return BudgetRoom(BudgetWindow.MONTH, END, {unit: accounts.get(unit.value, Account()) for unit in Unit})


@pytest.mark.parametrize(
    ("account", "is_let_in"),
    [
        (Account(), True),
        (Account(most=1), True),
        (Account(most=3, used=2), True),
        (Account(most=3, used=1, held=2), False),
        (Account(most=10, per_run=4, used=6), True),
        (Account(most=10, per_run=5, used=6), False),
        (Account(per_run=5), True),
        (Account(most=10, used=12), False),
    ],
)
def test_a_start_is_let_in_where_what_it_would_reserve_is_left(account: Account, is_let_in: bool) -> None:
    assert (room(tokens=account).lacking(is_again=False) is None) is is_let_in


def test_a_run_reserves_its_maximum_and_without_one_all_that_is_left() -> None:
    found = room(tokens=Account(most=10, per_run=4), money=Account(most=70, used=20))
    assert found.take(is_again=False) == Share(1, 4, 50)
    assert (found.accounts[Unit.TOKENS].left, found.accounts[Unit.MONEY].left) == (6, 0)
    assert found.lacking(is_again=False) is Unit.MONEY


def test_what_nobody_bounds_is_not_reserved_and_a_maximum_without_a_budget_is() -> None:
    found = room(money=Account(per_run=5))
    assert found.take(is_again=False) == Share(1, None, 5)
    assert found.lacking(is_again=False) is None


def test_who_tries_again_is_no_further_run_but_asks_for_tokens_anew() -> None:
    spent = room(runs=Account(most=1, used=1), tokens=Account(most=10, per_run=10, used=1))
    assert spent.lacking(is_again=False) is Unit.RUNS
    assert spent.lacking(is_again=True) is Unit.TOKENS
    spent.accounts[Unit.TOKENS].used = 0
    assert spent.lacking(is_again=True) is None
    assert spent.take(is_again=True).runs == 0


@pytest.mark.parametrize(
    ("window", "now", "first", "end"),
    [
        (BudgetWindow.DAY, datetime(2026, 11, 22, 23, 59, tzinfo=UTC), date(2026, 11, 22), date(2026, 11, 23)),
        (BudgetWindow.DAY, datetime(2026, 12, 31, tzinfo=UTC), date(2026, 12, 31), date(2027, 1, 1)),
        (BudgetWindow.MONTH, datetime(2026, 12, 31, 1, tzinfo=UTC), date(2026, 12, 1), date(2027, 1, 1)),
        (BudgetWindow.MONTH, datetime(2028, 2, 1, tzinfo=UTC), date(2028, 2, 1), date(2028, 3, 1)),
        (
            BudgetWindow.DAY,
            datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=5))),
            date(2026, 11, 22),
            date(2026, 11, 23),
        ),
    ],
)
def test_windows_are_those_of_the_calendar_in_utc(window: BudgetWindow, now: datetime, first: date, end: date) -> None:
    assert begins_on(window, now) == first
    assert ends_at(window, now) == datetime.combine(end, time(), UTC)


@pytest.mark.parametrize(
    ("amount", "words"),
    [(0, "0.00"), (12_500_000, "12.50"), (1, "0.000001"), (1_234_567_890_000, "1,234,567.89"), (-500_000, "-0.50")],
)
def test_money_is_shown_with_as_many_decimals_as_it_has(amount: int, words: str) -> None:
    assert money_words(amount) == words


@pytest.mark.parametrize(
    ("unit", "account", "told"),
    [
        (Unit.RUNS, Account(most=1, used=1), "its trigger's budget of 1 run for this month has none left"),
        (
            Unit.TOKENS,
            Account(most=10_000, per_run=4_000, used=5_000, held=4_000),
            (
                "its trigger's budget of 10,000 tokens for this month has 1,000 left, 4,000 held by runs at work; "
                "a run may use 4,000 tokens"
            ),
        ),
        (
            Unit.MONEY,
            Account(most=5_000_000, used=7_000_000),
            "its trigger's budget of 5.00 for this month has none left",
        ),
    ],
)
def test_a_shortage_says_what_is_left_and_when_the_budget_begins_anew(unit: Unit, account: Account, told: str) -> None:
    assert shortage_words(room(**{unit.value: account}), unit) == f"{told}; it begins anew on 2026-12-01 at 00:00 UTC"


def test_four_fifths_are_near_and_a_budget_of_nothing_is_none() -> None:
    assert Account(most=10, used=8).is_near
    assert not Account(most=10, used=7, held=3).is_near
    assert not Account(used=10).is_near
    assert BudgetBounds(window=BudgetWindow.MONTH).is_empty
    assert not BudgetBounds(money_per_run=1).is_empty
