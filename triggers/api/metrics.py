"""Figures of a trigger, and of how the slots were used, in JSON."""

from typing import Any

from rest_framework import serializers

from agents.budget import MILLIONTHS, Account, BudgetRoom, Unit
from agents.enums import BudgetWindow
from triggers.enums import Window


class WindowInput(serializers.Serializer[Any]):
    """How far back."""

    window = serializers.ChoiceField(choices=Window.choices)


class LegFiguresSerializer(serializers.Serializer[Any]):
    """One leg of the way; times are null where no execution has been through it."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    mean_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)


class MetricsSerializer(serializers.Serializer[Any]):
    """Figures over a window. Rates are of what succeeded, failed or ran out of time; ``legs`` are of the newest
    ``sampled`` executions that ended in it.
    """

    window = serializers.ChoiceField(choices=Window.choices)
    since = serializers.DateTimeField()
    ended = serializers.DictField(child=serializers.IntegerField(), help_text="How many ended how.")
    success_rate = serializers.FloatField(allow_null=True)
    failure_rate = serializers.FloatField(allow_null=True)
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="Where they failed.")
    suppressed = serializers.DictField(child=serializers.IntegerField(), help_text="Matches that did not fire, by why.")
    legs = LegFiguresSerializer(many=True)
    sampled = serializers.IntegerField()


class PartSerializer(serializers.Serializer[Any]):
    """Slots in use on average, from ``at`` on; null where that is not known any more."""

    at = serializers.DateTimeField()
    used = serializers.FloatField(allow_null=True)


class UtilisationSerializer(serializers.Serializer[Any]):
    """The agents' slots over the last six hours, in parts of ten minutes; ``limit`` is the one of now."""

    limit = serializers.IntegerField()
    parts = PartSerializer(many=True)


class CountSerializer(serializers.Serializer[Any]):
    """Runs or tokens of a budget, as ``MoneySerializer``."""

    most = serializers.IntegerField(allow_null=True)
    per_run = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    held = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)


class MoneySerializer(serializers.Serializer[Any]):
    """The money of a budget. ``most`` and ``per_run`` are null where there is no bound; ``held`` is what runs at work
    may still use; ``left`` is below 0 where the budget was lowered. Money in units of your currency.
    """

    most = serializers.FloatField(allow_null=True)
    per_run = serializers.FloatField(allow_null=True)
    used = serializers.FloatField()
    held = serializers.FloatField()
    left = serializers.FloatField(allow_null=True)


class BudgetSerializer(serializers.Serializer[Any]):
    """How the budget of a trigger stands; all is null where it has none."""

    window = serializers.ChoiceField(choices=BudgetWindow.choices, allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True, help_text="When it begins anew.")
    runs = CountSerializer(allow_null=True)
    tokens = CountSerializer(allow_null=True)
    money = MoneySerializer(allow_null=True)


def budget_json(room: BudgetRoom | None) -> dict[str, Any]:
    """For ``BudgetSerializer``."""
    if room is None:
        return dict.fromkeys(("window", "ends_at", *(unit.value for unit in Unit)))
    accounts = {unit.value: _account(unit, account) for unit, account in room.accounts.items()}
    return {"window": room.window, "ends_at": room.ends_at, **accounts}


def _account(unit: Unit, account: Account) -> dict[str, Any]:
    amounts = {name: getattr(account, name) for name in ("most", "per_run", "used", "held", "left")}
    if unit is not Unit.MONEY:
        return amounts
    return {name: None if amount is None else amount / MILLIONTHS for name, amount in amounts.items()}
