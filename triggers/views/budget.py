"""The budget of a trigger: a section of its page."""

from datetime import datetime
from typing import Any

from agents.budget import Account, Unit, amount_words, named
from agents.enums import BudgetWindow
from triggers.models import Trigger
from triggers.selectors.budgets import budget_of

_NAMES = {Unit.RUNS: "Runs", Unit.TOKENS: "Tokens", Unit.MONEY: "Money"}
_WHEN = {BudgetWindow.DAY: "today", BudgetWindow.MONTH: "this month"}


def shown_budget(trigger: Trigger, *, now: datetime) -> dict[str, Any] | None:
    """What ``triggers/_budget.html`` shows; None where nothing is bounded in a window."""
    room = budget_of(trigger, now=now)
    rows = [_row(unit, account, most) for unit, account, most in room.bounded()] if room is not None else []
    if room is None or not rows:
        return None
    return {
        "when": _WHEN[room.window],
        "words": f"It begins anew on {room.ends_at:%Y-%m-%d at %H:%M} UTC. What is beyond it waits.",
        "rows": rows,
    }


def _row(unit: Unit, account: Account, most: int) -> dict[str, Any]:
    words = f"{amount_words(unit, account.used)} of {amount_words(unit, most)} used"
    if account.held:
        words += f", {amount_words(unit, account.held)} held by runs at work"
    if account.per_run is not None:
        words += f"; a run may use {named(unit, account.per_run)}"
    tone = "bad" if account.used >= most else "warn" if account.is_near else "live"
    return {
        "name": _NAMES[unit],
        "words": words,
        "used": min(account.used + account.held, most),
        "most": most,
        "tone": tone,
    }
