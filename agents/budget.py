"""Whether a budget lets a start in, and what that reserves: arithmetic without a database.

A run that has a maximum reserves that. One that has none may use whatever is left, so it reserves all of it, and the
next begins when it has ended and what it did not use is back.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from agents.enums import BudgetWindow

MILLIONTHS = 1_000_000
NEAR = 0.8
"""Who has used so much of a budget is warned."""


class Unit(StrEnum):
    RUNS = "runs"
    TOKENS = "tokens"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class BudgetBounds:
    """What a budget allows in its window, and a run of it; None: no bound. Money in millionths."""

    window: BudgetWindow = BudgetWindow.DAY
    runs: int | None = None
    tokens: int | None = None
    money: int | None = None
    tokens_per_run: int | None = None
    money_per_run: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it bounds nothing."""
        return all(value is None for name, value in asdict(self).items() if name != "window")


@dataclass(frozen=True, slots=True)
class Share:
    """What one start reserves; None: of that there is neither a budget nor a maximum."""

    runs: int
    tokens: int | None
    money: int | None


@dataclass(slots=True)
class Account:
    """One unit of a budget: the most that the window allows and that a run may use (None: no bound), what was used up
    in the window, and what starts at work hold.
    """

    most: int | None = None
    per_run: int | None = None
    used: int = 0
    held: int = 0

    @property
    def left(self) -> int | None:
        """What may still be reserved; below 0 where the budget was lowered or a run used more than it held."""
        return None if self.most is None else self.most - self.used - self.held

    @property
    def asked(self) -> int:
        """What has to be left for a start."""
        return 1 if self.per_run is None else self.per_run

    @property
    def share(self) -> int | None:
        """What a start that is let in reserves."""
        return self.left if self.per_run is None else self.per_run

    @property
    def is_near(self) -> bool:
        """Whether the part that warns is used up."""
        return self.most is not None and self.used >= self.most * NEAR


@dataclass(slots=True)
class BudgetRoom:
    """How a budget stands in the window that ``ends_at`` ends."""

    window: BudgetWindow
    ends_at: datetime
    accounts: dict[Unit, Account] = field(default_factory=dict)

    def lacking(self, *, is_again: bool) -> Unit | None:
        """What keeps a start back; None where it may begin. ``is_again``: it was counted as a run before."""
        for unit, account in self.accounts.items():
            if unit is Unit.RUNS and is_again:
                continue
            if account.left is not None and account.left < account.asked:
                return unit
        return None

    def take(self, *, is_again: bool) -> Share:
        """Reserve for a start that is let in."""
        tokens, money = (self.accounts[unit].share for unit in (Unit.TOKENS, Unit.MONEY))
        share = Share(0 if is_again else 1, tokens, money)
        for unit, amount in ((Unit.RUNS, share.runs), (Unit.TOKENS, tokens), (Unit.MONEY, money)):
            self.accounts[unit].held += amount or 0
        return share

    def bounded(self) -> Iterator[tuple[Unit, Account, int]]:
        """(unit, account, its most) of what the window bounds."""
        for unit, account in self.accounts.items():
            if account.most is not None:
                yield unit, account, account.most


def day_of(now: datetime) -> date:
    """The day in UTC."""
    return now.astimezone(UTC).date()


def begins_on(window: BudgetWindow, now: datetime) -> date:
    """The first day of the window of ``now``."""
    day = day_of(now)
    return day if window == BudgetWindow.DAY else day.replace(day=1)


def ends_at(window: BudgetWindow, now: datetime) -> datetime:
    """The moment from which the next window counts."""
    first = begins_on(window, now)
    following = first + timedelta(days=1 if window == BudgetWindow.DAY else 32)
    if window == BudgetWindow.MONTH:
        following = following.replace(day=1)
    return datetime.combine(following, time(), UTC)


def money_words(millionths: int) -> str:
    """ "1,234.50"; as many decimals as it has, two at least."""
    whole, rest = divmod(abs(millionths), MILLIONTHS)
    decimals = f"{rest:06d}"
    sign = "-" if millionths < 0 else ""
    return f"{sign}{whole:,}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def amount_words(unit: Unit, amount: int) -> str:
    """The number alone, as people read it."""
    return money_words(amount) if unit is Unit.MONEY else f"{amount:,}"


def named(unit: Unit, amount: int) -> str:
    """ "1 run", "5,000 tokens", "12.50"."""
    if unit is Unit.MONEY:
        return money_words(amount)
    return f"{amount:,} {unit.value.removesuffix('s') if amount == 1 else unit.value}"


_THIS = {BudgetWindow.DAY: "today", BudgetWindow.MONTH: "this month"}


def shortage_words(room: BudgetRoom, unit: Unit) -> str:
    """Why a start waits for its budget: what is left, what it would reserve, and when the budget begins anew."""
    account = room.accounts[unit]
    left = amount_words(unit, account.left) if account.left is not None and account.left > 0 else "none"
    told = f"its trigger's budget of {named(unit, account.most or 0)} for {_THIS[room.window]} has {left} left"
    if account.held:
        told += f", {amount_words(unit, account.held)} held by runs at work"
    if account.per_run is not None:
        told += f"; a run may use {named(unit, account.per_run)}"
    return f"{told}; it begins anew on {room.ends_at:%Y-%m-%d at %H:%M} UTC"
