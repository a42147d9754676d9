"""What the backlog after an outage is about, and how it stands in words."""

from datetime import datetime, timedelta

from accounts.permissions import Person
from agents.selectors.backlog import Backlog
from triggers.models import Decision
from triggers.selectors.executions import executions_visible_to


def oldest_at(left: Backlog, *, user: Person) -> datetime | None:
    """Since when the event of its first execution was there; None for a person who may not see that one."""
    first = executions_visible_to(user=user).filter(start=left.first).first()
    if first is None:
        return None
    facts = Decision.objects.filter(event=first.event_id, trigger=first.trigger_id).values_list("facts", flat=True)
    aged = next((found["age_s"] for found in facts if "age_s" in found), None)
    return first.queued_at - timedelta(seconds=aged) if aged is not None else first.event.accepted_at


def count_words(left: Backlog) -> str:
    """How many executions wait."""
    return (
        "1 execution of an old event waits" if left.waiting == 1 else f"{left.waiting:,} executions of old events wait"
    )


def pace_words(left: Backlog) -> str:
    """How fast they are worked off, and when they are through."""
    if left.most == 0:
        return "None begins: the limit of agents is 0."
    if left.per_minute is None or left.through_s is None:
        return "None has begun yet."
    pace = f"{left.per_minute:.0f}" if left.per_minute >= 10 else f"{left.per_minute:.1f}"
    return f"About {pace} a minute begin; at that pace the last one does in {span(left.through_s)}."


def span(seconds: int) -> str:
    """A rough time: seconds up to a minute and a half, minutes up to two hours, then hours."""
    if seconds < 90:
        return f"{max(seconds, 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
