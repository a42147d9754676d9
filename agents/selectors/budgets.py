"""How budgets stand: what is left of each, and what a run may still use."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Sum

from agents.budget import Account, BudgetRoom, Unit, amount_words, begins_on, ends_at, named
from agents.enums import BudgetWindow
from agents.models import Agent, AgentRun, Reservation

_SUMS = """
    SELECT b.key, b.runs, b.tokens, b.money, b.tokens_per_run, b.money_per_run, b."window",
        SUM(t.used_runs), SUM(t.used_tokens), SUM(t.used_money), SUM(t.held_runs), SUM(t.held_tokens), SUM(t.held_money)
    FROM agents_budget b LEFT JOIN (
        SELECT key, day, runs AS used_runs, tokens AS used_tokens, money AS used_money,
            0 AS held_runs, 0 AS held_tokens, 0 AS held_money
        FROM agents_spending WHERE key IN ({marks}) AND day >= %s
        UNION ALL
        SELECT key, day, 0, 0, 0, runs, tokens, money FROM agents_reservation WHERE key IN ({marks}) AND day >= %s
    ) t ON t.key = b.key AND t.day >= CASE b."window" WHEN 'month' THEN %s ELSE %s END
    WHERE b.key IN ({marks})
    GROUP BY b.id
"""


def read_budgets(keys: Iterable[str], *, now: datetime) -> dict[str, BudgetRoom]:
    """{key: how its budget stands} of those of the keys that have one; exact under the capacity lock, a hint without.

    One statement, so that a reservation that is settled meanwhile counts once: as held, or as used.
    """
    given = list(keys)
    if not given:
        return {}
    stored = connection.ops.adapt_datefield_value
    month, day = (stored(begins_on(window, now)) for window in (BudgetWindow.MONTH, BudgetWindow.DAY))
    marks = ", ".join(["%s"] * len(given))
    with connection.cursor() as cursor:
        values = [*given, month, *given, month, month, day, *given]
        cursor.execute(_SUMS.format(marks=marks), values)
        rows = cursor.fetchall()
    return {row[0]: _room(row[1:], now) for row in rows}


def _room(row: tuple[object, ...], now: datetime) -> BudgetRoom:
    runs, tokens, money, tokens_per_run, money_per_run, window, *sums = row
    used_runs, used_tokens, used_money, *held = (int(str(value or 0)) for value in sums)
    wanted = ((runs, None, used_runs), (tokens, tokens_per_run, used_tokens), (money, money_per_run, used_money))
    return BudgetRoom(
        BudgetWindow(str(window)),
        ends_at(BudgetWindow(str(window)), now),
        {
            unit: Account(_whole(most), _whole(per_run), used, of_those_at_work)
            for unit, (most, per_run, used), of_those_at_work in zip(Unit, wanted, held, strict=True)
        },
    )


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a run may still use; None: of that there is no bound."""

    tokens: int | None = None
    money: int | None = None


def allowance_of(run: AgentRun) -> Allowance:
    """What is left for a run of what was reserved for the work that it is part of: less what others before it used."""
    reserved = Reservation.objects.filter(workspace_id=run.agent.workspace_id).order_by("pk").last()
    if reserved is None:
        return Allowance()
    others = AgentRun.objects.filter(agent__workspace=reserved.workspace_id, started_at__gte=reserved.taken_at)
    used = others.exclude(pk=run.pk).aggregate(tokens=Sum("tokens"), money=Sum("money"))
    return Allowance(
        tokens=None if reserved.tokens is None else reserved.tokens - (used["tokens"] or 0),
        money=None if reserved.money is None else reserved.money - (used["money"] or 0),
    )


def used_words(agent: Agent) -> str:
    """What all runs of an agent say that they used ("19,000 tokens, 0.15"); empty where they say nothing."""
    used = AgentRun.objects.filter(agent=agent).aggregate(tokens=Sum("tokens"), money=Sum("money"))
    amounts = ((Unit.TOKENS, used["tokens"]), (Unit.MONEY, used["money"]))
    return ", ".join(named(unit, amount) for unit, amount in amounts if amount is not None)


def overdrawn(allowance: Allowance, *, tokens: int | None, money: int | None) -> str:
    """What of it a run uses more than it may, in words ("12 tokens of 10"); empty where nothing."""
    for unit, most, used in ((Unit.TOKENS, allowance.tokens, tokens), (Unit.MONEY, allowance.money, money)):
        if most is not None and used is not None and used > most:
            return f"{named(unit, used)} of {amount_words(unit, most)}"
    return ""
