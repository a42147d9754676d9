"""Schedules, as far as a person may see them."""

from django.db.models import QuerySet

from accounts.operations import Operation
from accounts.permissions import Person, visible
from triggers.models import ContextListener, Schedule, SkipCalendar, Trigger


def schedules_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Schedule]:
    """Every schedule within reach, with its listener, card and clock, and its calendars."""
    rows = Schedule.objects.select_related("listener__connection", "listener__item").prefetch_related("calendars")
    return visible(rows, user=user, operation=operation)


def calendars_visible_to(*, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[SkipCalendar]:
    """Every calendar within reach, with its clock."""
    return visible(SkipCalendar.objects.select_related("connection"), user=user, operation=operation)


def triggers_listening_to(*, listener: ContextListener, user: Person) -> QuerySet[Trigger]:
    """Who hears it now, as far as the person may see them, by name."""
    return visible(Trigger.objects.filter(listeners=listener, deleted_at=None), user=user).order_by("name", "pk")
