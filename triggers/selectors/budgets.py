"""How the budgets of triggers stand."""

from dataclasses import dataclass
from datetime import datetime

from agents.budget import Account, BudgetRoom, Unit
from agents.models import Budget
from agents.selectors.budgets import read_budgets
from triggers.enums import TriggerStatus
from triggers.models import Trigger

LOOKED_AT = 500
_PREFIX = "trigger:"


@dataclass(frozen=True)
class NearBudget:
    """A trigger that has used up most of its budget of one unit; ``most`` is the whole of it."""

    name: str
    unit: Unit
    account: Account
    most: int
    room: BudgetRoom


def budget_of(trigger: Trigger, *, now: datetime) -> BudgetRoom | None:
    """How its budget stands; None where it has none."""
    return read_budgets([f"{_PREFIX}{trigger.pk}"], now=now).get(f"{_PREFIX}{trigger.pk}")


def near_budgets(*, now: datetime) -> list[NearBudget]:
    """Of the newest LOOKED_AT budgets those of triggers in use that are nearly or wholly used up."""
    keys = list(Budget.objects.order_by("-pk").values_list("key", flat=True)[:LOOKED_AT])
    near = {
        int(key.removeprefix(_PREFIX)): [(*one, room) for one in room.bounded() if one[1].is_near]
        for key, room in read_budgets(keys, now=now).items()
        if key.startswith(_PREFIX)
    }
    rows = Trigger.objects.filter(pk__in=[pk for pk, found in near.items() if found], deleted_at=None)
    names = rows.exclude(status=TriggerStatus.DISABLED).order_by("name", "pk").values_list("pk", "name")
    return [NearBudget(name, unit, account, most, room) for pk, name in names for unit, account, most, room in near[pk]]
