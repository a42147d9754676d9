"""Rates of a batch: when limited triggers fired lately, what the batch adds, what the commit must find unchanged."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Max

from triggers.documents import LimitsPart
from triggers.enums import TriggerStatus
from triggers.models import Firing, TriggerStanding
from triggers.services.decide.cooldown import last_event_ids
from triggers.services.matching import Candidate

STORM_WINDOW = timedelta(minutes=1)


class Rates:
    """How often each trigger fired, by the accepted times of the events that did."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        limited = {one.id: most for one in candidates if (most := most_known(one.document.limits))}
        # The newest event first: whoever fires between these reads makes the commit refuse the plan.
        newest = last_event_ids(limited) if limited else {}
        self.read: dict[int, int | None] = {key: newest.get(key) for key in limited}
        self._fired = {key: _latest(key, most) for key, most in limited.items()}
        self._since = _stood_up(one.id for one in candidates if one.document.limits.storm_limit)

    def free_at(self, one: Candidate) -> datetime | None:
        """When it has fired less than its rate again, by what is known; None where it has, or has no rate."""
        return rate_free_at(one.document.limits, self._fired.get(one.id, []))

    def storm_firings(self, one: Candidate, accepted_at: datetime) -> int:
        """How often it fired within the minute before an event, and since it stands as it does: whoever resumes it
        gives it a minute of its own.
        """
        return storm_firings(self._fired.get(one.id, ()), accepted_at, self._since.get(one.id))

    def fire(self, one: Candidate, *, accepted_at: datetime) -> None:
        """Note a firing of this batch, for the events that come after it."""
        if one.id in self._fired:
            insort(self._fired[one.id], accepted_at)


def rate_free_at(limits: LimitsPart, fired: Sequence[datetime]) -> datetime | None:
    """When one that fired then, oldest first, has fired less than its rate again."""
    limit = limits.rate_limit
    return fired[-limit] + limits.rate_window if limit is not None and len(fired) >= limit else None


def storm_firings(fired: Iterable[datetime], accepted_at: datetime, resumed_at: datetime | None) -> int:
    """How many of these were within the minute before an event, and since somebody resumed it."""
    since = accepted_at - STORM_WINDOW
    return sum(at > since and (resumed_at is None or at >= resumed_at) for at in fired)


def most_known(limits: LimitsPart) -> int:
    """How many firings have to be known; 0 for a trigger without such limits."""
    return max(limits.rate_limit or 0, limits.storm_limit or 0)


def _latest(trigger_id: int, most: int) -> list[datetime]:
    """The accepted times of the events that fired it last, oldest first."""
    rows = Firing.objects.filter(trigger_id=trigger_id).order_by("-event_id")
    return sorted(rows.values_list("event__accepted_at", flat=True)[:most])


def _stood_up(trigger_ids: Iterable[int]) -> Mapping[int, datetime]:
    """{trigger id: when it last became active}."""
    wanted = list(trigger_ids)
    if not wanted:
        return {}
    rows = TriggerStanding.objects.filter(trigger_id__in=wanted, status=TriggerStatus.ACTIVE).order_by()
    return dict(rows.values_list("trigger_id").annotate(latest=Max("at")))
