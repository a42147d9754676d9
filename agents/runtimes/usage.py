"""What a run says that it used so far: ``{"type": "usage", "tokens": 1200, "money": 0.35}``."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import Any

from agents.budget import MILLIONTHS, money_words
from agents.enums import MessageKind
from agents.runtimes.port import Message

MOST_TOKENS = 10**15
MOST_MONEY = 10**15  # millionths
LONGEST_NUMBER = 40


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals of one run so far; None: nothing is said of that. Money in millionths, rounded up."""

    tokens: int | None = None
    money: int | None = None

    @property
    def words(self) -> str:
        told = [f"{self.tokens:,} tokens"] if self.tokens is not None else []
        told += [money_words(self.money)] if self.money is not None else []
        return f"Used so far: {', '.join(told)}"


def usage_message(said: Mapping[str, Any]) -> Message | None:
    """The message that a line of type ``usage`` is; None for one that says no amount, or one that is none."""
    usage = _usage(said.get("tokens"), said.get("money"))
    if usage is None:
        return None
    amounts = {"tokens": usage.tokens, "money": usage.money}
    return Message(
        MessageKind.USAGE, usage.words, {name: amount for name, amount in amounts.items() if amount is not None}
    )


def used_by(message: Message) -> Usage | None:
    """What a message of kind ``usage`` says; None for any other."""
    if message.kind != MessageKind.USAGE:
        return None
    return Usage(message.data.get("tokens"), message.data.get("money"))


def _usage(tokens: Any, money: Any) -> Usage | None:
    is_whole = type(tokens) is int and 0 <= tokens <= MOST_TOKENS
    amount = _millionths(money)
    if (tokens is not None and not is_whole) or (money is not None and amount is None):
        return None
    return None if tokens is None and money is None else Usage(tokens, amount)


def _millionths(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > LONGEST_NUMBER:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= MOST_MONEY // MILLIONTHS:
        return None
    return int((amount * MILLIONTHS).to_integral_value(ROUND_UP))
