"""How much happened lately, of what a person may see."""

from datetime import datetime, timedelta

from accounts.permissions import Person
from triggers.enums import ExecutionStatus, Outcome
from triggers.selectors.decisions import decisions_visible_to
from triggers.selectors.events import deliveries_visible_to, events_visible_to
from triggers.selectors.executions import executions_visible_to

HOUR = timedelta(hours=1)


def last_hour(*, user: Person, now: datetime) -> dict[str, int]:
    """Counts of the hour before ``now``: deliveries, events, fired decisions, executions that succeeded or failed."""
    since = now - HOUR
    ended = executions_visible_to(user=user).filter(ended_at__gte=since)
    failed = (ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)
    return {
        "deliveries": deliveries_visible_to(user=user).filter(received_at__gte=since).count(),
        "events": events_visible_to(user=user).filter(accepted_at__gte=since).count(),
        "fired": decisions_visible_to(user=user).filter(at__gte=since, outcome=Outcome.FIRED).count(),
        "succeeded": ended.filter(status=ExecutionStatus.SUCCEEDED).count(),
        "failed": ended.filter(status__in=failed).count(),
    }
