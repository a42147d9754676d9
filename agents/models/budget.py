"""What may be spent in a window, what starts hold of it, and what was used up."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.enums import BudgetWindow
from agents.models.capacity import StartRequest


class Budget(models.Model):
    """What the starts of one ``key`` may use up within a day or a month (UTC), and what one run of them may; empty is
    no bound. Money is in millionths of the currency, here and everywhere below.
    """

    key = models.CharField(max_length=80, unique=True)
    window = models.CharField(max_length=5, choices=BudgetWindow, default=BudgetWindow.DAY)
    runs = models.PositiveBigIntegerField(null=True)
    tokens = models.PositiveBigIntegerField(null=True)
    money = models.PositiveBigIntegerField(null=True)
    tokens_per_run = models.PositiveBigIntegerField(null=True)
    money_per_run = models.PositiveBigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(window__in=BudgetWindow.values), name="budget_window_known")
        ]

    def __str__(self) -> str:
        return f"{self.key} for a {self.window}"


class Reservation(models.Model):
    """What an admitted start may use at most: made at its admission, settled and deleted when it is done.

    It counts for ``day``, that of its admission (UTC). ``runs`` is 0 for one that was counted before. ``workspace_id``
    is where its agents work, once there is one; no foreign key, for workspaces are deleted while budgets stay.
    """

    start = models.OneToOneField(StartRequest, on_delete=models.PROTECT, related_name="reservation")
    key = models.CharField(max_length=80)
    day = models.DateField()
    runs = models.PositiveSmallIntegerField()
    tokens = models.PositiveBigIntegerField(null=True)
    money = models.PositiveBigIntegerField(null=True)
    workspace_id = models.BigIntegerField(null=True)
    taken_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["key", "day"], name="reservation_of_key"),
            models.Index(
                fields=["workspace_id"], condition=Q(workspace_id__isnull=False), name="reservation_of_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"of {self.key} for {self.start_id}"


class Spending(models.Model):
    """What starts of one key that are done used up, by the day of their admission (UTC)."""

    key = models.CharField(max_length=80)
    day = models.DateField()
    runs = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    money = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["key", "-day"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "day"], name="spending_once_a_day")]

    def __str__(self) -> str:
        return f"{self.key} on {self.day}"
