"""Who was locked out for too many wrong passwords; a superuser lets them in again."""

from datetime import datetime
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.contrib import admin
from django.db import transaction

from accounts.actor import Actor
from accounts.admin.acts import act
from accounts.admin.base import RoleAdmin
from accounts.operations import Operation
from accounts.services import audit


def _let_in(row: Any, by: Actor, now: datetime) -> bool:
    with transaction.atomic():
        AxesProxyHandler.reset_attempts(username=row.username, ip_address=row.ip_address)
        after = {"username": row.username, "address": row.ip_address}
        audit.record(by=by, action="lock.lifted", obj=None, now=now, after=after)
    return True


@admin.register(AccessAttempt)
class AccessAttemptAdmin(RoleAdmin):
    """Wrong passwords by name and address. What was typed is not shown: people type passwords as names."""

    viewing = Operation.MANAGE_PEOPLE
    list_display = ("attempt_time", "username", "ip_address", "failures_since_start")
    search_fields = ("username__exact", "ip_address__exact")
    shown = ("attempt_time", "username", "ip_address", "failures_since_start")
    actions = (act("Let in again", Operation.MANAGE_PEOPLE, _let_in, done="let in again"),)
