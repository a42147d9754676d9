"""Budgets, what is reserved of them and what was used, in the admin: to look at. Triggers say what they may use."""

from django.contrib import admin

from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from agents.models import Budget, Reservation, Spending


@admin.register(Budget)
class BudgetAdmin(RoleAdmin):
    """What triggers may use up. Money is in millionths, here and below."""

    viewing = Operation.TRIAGE
    list_display = ("key", "window", "runs", "tokens", "money")
    list_filter = ("window",)
    search_fields = ("key__exact",)
    shown = ("key", "window", "runs", "tokens", "money", "tokens_per_run", "money_per_run")
    ordering = ("-id",)


@admin.register(Reservation)
class ReservationAdmin(RoleAdmin):
    """What starts at work may use."""

    viewing = Operation.TRIAGE
    list_display = ("key", "day", "start", "runs", "tokens", "money", "taken_at")
    list_select_related = ("start",)
    search_fields = ("key__exact",)
    numbers = ("id", "start_id")
    shown = ("key", "day", "start", "runs", "tokens", "money", "workspace_id", "taken_at")
    ordering = ("-id",)


@admin.register(Spending)
class SpendingAdmin(RoleAdmin):
    """What was used on a day."""

    viewing = Operation.TRIAGE
    list_display = ("key", "day", "runs", "tokens", "money")
    search_fields = ("key__exact",)
    shown = ("key", "day", "runs", "tokens", "money")
    ordering = ("-id",)
