"""Ending leases whose owners cannot come back, so that whoever works next need not wait for them to run out."""

from datetime import datetime

from triggers.enums import ExecutionStatus
from triggers.models import ContextListener, Execution


def free_all(*, now: datetime) -> int:
    """Free launches and polls of every owner; returns how many. Counts as nobody's death: no takeover is noted.

    Epochs stay, so what an owner wrote after all would be refused.
    """
    launches = Execution.objects.filter(status=ExecutionStatus.STARTING).update(lease_owner="", lease_until=now)
    polls = ContextListener.objects.exclude(claimed_by="", claimed_until=None).update(claimed_by="", claimed_until=None)
    return launches + polls
