"""What a run uses, told after every answer, and checked before every question: a run never asks beyond its bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic_ai.messages import ModelResponse

from agents.runtimes.llm.program.telling import tell
from agents.runtimes.llm.program.troubles import Trouble

MILLIONTHS = 1_000_000


@dataclass(slots=True)
class Spending:
    """``left_…`` is of the trigger's budget (None: no bound; money in millionths). ``is_priced``: asked at its maker's
    own address, whose prices are known.
    """

    most_requests: int
    most_tokens: int
    left_tokens: int | None = None
    left_money: int | None = None
    is_priced: bool = True
    requests: int = 0
    tokens: int | None = 0
    money: Decimal | None = Decimal(0)

    def check(self) -> None:
        """Before a question. Raises Trouble where nothing is left for it."""
        if self.requests >= self.most_requests:
            raise Trouble(f"It asked {self.requests:,} times, as often as its profile allows a run. Its work is kept.")
        if self.tokens is not None and self.tokens >= self.most_tokens:
            raise Trouble(f"It used {self.tokens:,} tokens of {self.most_tokens:,} that its profile allows a run.")
        if self.left_tokens is not None:
            if self.tokens is None:
                raise Trouble("The model does not say what tokens it uses, so a budget of tokens cannot be kept.")
            if self.tokens >= self.left_tokens:
                used = f"{self.tokens:,} of {self.left_tokens:,} tokens"
                raise Trouble(f"It used {used} that were left for it of its trigger's budget. Its work is kept.")
        if self.left_money is not None:
            if self.money is None or not self.is_priced:
                raise Trouble("What the model costs is not known, so a budget of money cannot be kept.")
            if self.money * MILLIONTHS >= self.left_money:
                raise Trouble("It used all the money that was left for it of its trigger's budget. Its work is kept.")
        self.requests += 1

    def add(self, response: ModelResponse) -> None:
        """Count an answer and tell what was used so far."""
        is_told = bool(response.usage.total_tokens)
        self.tokens = self.tokens + response.usage.total_tokens if is_told and self.tokens is not None else None
        price = self._price(response) if is_told else None
        self.money = self.money + price if price is not None and self.money is not None else None
        self.tell()

    def tell(self) -> None:
        """What is known of it; nothing where that is nothing."""
        amounts: Mapping[str, Any] = {"tokens": self.tokens, "money": None if self.money is None else str(self.money)}
        known = {name: amount for name, amount in amounts.items() if amount is not None}
        if known:
            tell("usage", **known)

    def _price(self, response: ModelResponse) -> Decimal | None:
        try:
            return response.cost().total_price.quantize(Decimal("1e-9")) if self.is_priced else None
        except (LookupError, ValueError, AssertionError):  # nobody knows what that model costs
            return None
