"""Schedules for tests."""

from datetime import datetime
from typing import Any

from accounts.actor import Actor
from accounts.models import Connection, User
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON
from triggers.models import Schedule, SkipCalendar
from triggers.services import schedules

SYSTEM = Actor.system()


def make_schedule(*, owner: User | None = None, now: datetime = NOON, **over: Any) -> Schedule:
    """A schedule that fires every hour, on the hour, in UTC, unless said otherwise; heard from ``now`` on."""
    values = {"name": "Every hour", **over}
    if "every_s" not in values:
        values.setdefault("cron", "0 * * * *")
    return schedules.create_schedule(owner=owner or make_user(), by=SYSTEM, now=now, **values)


def make_calendar(connection: Connection, days: str = "2026-12-25", **over: Any) -> SkipCalendar:
    values = {"name": "Holidays", "now": NOON, **over}
    return schedules.create_calendar(connection=connection, days=days, by=SYSTEM, **values)
