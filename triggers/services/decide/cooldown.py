"""Cooldowns of a batch: what was read, what the batch itself fires, and what the commit must find unchanged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from triggers.models import Execution, Firing, Trigger
from triggers.services.matching import Candidate


@dataclass
class _Cooling:
    last_event_id: int | None
    last_fired_at: datetime | None
    delayed_to: datetime | None


class Cooldowns:
    """When each trigger is free again.

    Counts from the accepted time of the event that fired last, or from the time that a delayed one was put off to, so
    that starts are a cooldown apart whatever the policy.
    """

    def __init__(self, candidates: Iterable[Candidate], *, now: datetime) -> None:
        cooling = {one.id: one for one in candidates if one.document.limits.cooldown_s}
        self._cooling: dict[int, _Cooling] = {}
        if not cooling:
            return
        # The newest event first: whoever fires between these reads makes the commit refuse the plan.
        newest = last_event_ids(cooling)
        fired = dict(Trigger.objects.filter(pk__in=cooling).order_by().values_list("pk", "last_fired_at"))
        put_off = _put_off(cooling, now)
        self._cooling = {key: _Cooling(newest.get(key), fired.get(key), put_off.get(key)) for key in cooling}

    @property
    def read(self) -> dict[int, int | None]:
        """{trigger id: the newest event that had fired it} of every trigger whose cooldown was looked at."""
        return {key: cooling.last_event_id for key, cooling in self._cooling.items()}

    def last_fired_at(self, one: Candidate) -> datetime | None:
        cooling = self._cooling.get(one.id)
        return cooling.last_fired_at if cooling is not None else None

    def free_at(self, one: Candidate) -> datetime | None:
        """When the cooldown ends; None where the trigger has none, or never fired."""
        cooling = self._cooling.get(one.id)
        if cooling is None:
            return None
        since = max((at for at in (cooling.last_fired_at, cooling.delayed_to) if at is not None), default=None)
        return since + one.document.limits.cooldown if since is not None else None

    def fire(self, one: Candidate, *, accepted_at: datetime, not_before: datetime | None) -> None:
        """Note a firing of this batch, for the events that come after it."""
        cooling = self._cooling.get(one.id)
        if cooling is not None:
            cooling.last_fired_at = max(cooling.last_fired_at or accepted_at, accepted_at)
            if not_before is not None and one.document.limits.delays:
                cooling.delayed_to = max(cooling.delayed_to or not_before, not_before)


def last_event_ids(trigger_ids: Iterable[int]) -> dict[int, int]:
    """{trigger id: the newest event that fired it}; unlike a time, no step of a clock can hide a firing from this."""
    newest = Firing.objects.filter(trigger_id__in=list(trigger_ids)).order_by()
    return dict(newest.values_list("trigger_id").annotate(latest=Max("event_id")))


def _put_off(cooling: Mapping[int, Candidate], now: datetime) -> dict[int, datetime]:
    delaying = {key: one.document.limits.cooldown for key, one in cooling.items() if one.document.limits.delays}
    if not delaying:
        return {}
    waiting = Execution.objects.filter(trigger_id__in=delaying, not_before__gt=now - max(delaying.values())).order_by()
    return dict(waiting.values_list("trigger_id").annotate(latest=Max("not_before")))
