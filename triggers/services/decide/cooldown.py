"""Cooldowns of a batch: what was read, what the batch itself fires, and what the commit must find unchanged."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q, QuerySet

from triggers.models import Execution, Firing, Trigger
from triggers.services.decide.items import Item, Slot, item_of
from triggers.services.matching import Candidate

Place = tuple[int, Item]
"""A trigger and the item whose cooldown it is; no item where the cooldown is the trigger's, or the event has none."""


@dataclass
class _Cooling:
    last_fired_at: datetime | None = None
    delayed_to: datetime | None = None

    @property
    def since(self) -> datetime | None:
        return max((at for at in (self.last_fired_at, self.delayed_to) if at is not None), default=None)


@dataclass(frozen=True)
class About:
    """One event of a batch, as far as cooldowns ask: its item, and when it was accepted."""

    slot: Slot | None
    accepted_at: datetime


class Cooldowns:
    """When each trigger is free again, or for which item.

    Counts from the accepted time of the event that fired last, or from the time that a delayed one was put off to, so
    that starts are a cooldown apart whatever the policy.
    """

    def __init__(self, candidates: Iterable[Candidate], about: Sequence[About], *, now: datetime) -> None:
        cooling = {one.id: one for one in candidates if one.document.limits.cooldown_s}
        self.read: dict[int, int | None] = {}
        """{trigger id: the newest event that had fired it} of every trigger whose cooldown was looked at."""
        self._cooling: defaultdict[Place, _Cooling] = defaultdict(_Cooling)
        if not cooling:
            return
        # The newest event first: whoever fires between these reads makes the commit refuse the plan.
        newest = last_event_ids(cooling)
        self.read = {key: newest.get(key) for key in cooling}
        by_item = {key: one for key, one in cooling.items() if one.document.limits.cools_by_item}
        fired = _fired_whole(cooling.keys() - by_item.keys()) | _fired_by_item(by_item, about)
        for place, at in fired.items():
            self._cooling[place].last_fired_at = at
        for place, at in _put_off(cooling, about, now).items():
            self._cooling[place].delayed_to = at

    def last_fired_at(self, one: Candidate, slot: Slot | None) -> datetime | None:
        return self._of(one, slot).last_fired_at

    def free_at(self, one: Candidate, slot: Slot | None) -> datetime | None:
        """When the cooldown ends; None where the trigger has none, or never fired within its scope."""
        since = self._of(one, slot).since
        return since + one.document.limits.cooldown if since is not None else None

    def fire(self, one: Candidate, slot: Slot | None, *, accepted_at: datetime, not_before: datetime | None) -> None:
        """Note a firing of this batch, for the events that come after it."""
        if one.id not in self.read:
            return
        cooling = self._of(one, slot)
        cooling.last_fired_at = max(cooling.last_fired_at or accepted_at, accepted_at)
        if not_before is not None and one.document.limits.delays:
            cooling.delayed_to = max(cooling.delayed_to or not_before, not_before)

    def _of(self, one: Candidate, slot: Slot | None) -> _Cooling:
        return self._cooling[one.id, item_of(slot) if one.document.limits.cools_by_item else None]


def last_event_ids(trigger_ids: Iterable[int]) -> dict[int, int]:
    """{trigger id: the newest event that fired it}; unlike a time, no step of a clock can hide a firing from this."""
    newest = Firing.objects.filter(trigger_id__in=list(trigger_ids)).order_by()
    return dict(newest.values_list("trigger_id").annotate(latest=Max("event_id")))


def _fired_whole(trigger_ids: Collection[int]) -> dict[Place, datetime]:
    rows = Trigger.objects.filter(pk__in=trigger_ids, last_fired_at__isnull=False).order_by()
    return {(key, None): at for key, at in rows.values_list("pk", "last_fired_at") if at is not None}


def _fired_by_item(cooling: Mapping[int, Candidate], about: Sequence[About]) -> dict[Place, datetime]:
    """By index: only firings that are not over for the oldest of the events are looked at."""
    if not cooling or not about:
        return {}
    longest = max(one.document.limits.cooldown for one in cooling.values())
    since = min(one.accepted_at for one in about) - longest
    rows = Firing.objects.filter(_of_items("item_id", about), trigger_id__in=cooling, accepted_at__gt=since)
    return _latest(rows, "item_id", "accepted_at")


def _put_off(cooling: Mapping[int, Candidate], about: Sequence[About], now: datetime) -> dict[Place, datetime]:
    delaying = {key: one.document.limits for key, one in cooling.items() if one.document.limits.delays}
    if not delaying:
        return {}
    longest: timedelta = max(limits.cooldown for limits in delaying.values())
    waiting = Execution.objects.filter(not_before__gt=now - longest)
    by_item = [key for key, limits in delaying.items() if limits.cools_by_item]
    found = {}
    if by_item:
        rows = waiting.filter(_of_items("item_id_at_start", about), trigger_id__in=by_item)
        found = _latest(rows, "item_id_at_start", "not_before")
    whole = waiting.filter(trigger_id__in=delaying.keys() - set(by_item)).order_by()
    latest = whole.values_list("trigger_id").annotate(latest=Max("not_before"))
    return found | {(key, None): at for key, at in latest}


def _of_items(column: str, about: Sequence[About]) -> Q:
    items = {item_of(one.slot) for one in about}
    ids = [item for item in items if isinstance(item, int)]
    return Q(**{f"{column}__in": ids}) | (Q(**{f"{column}__isnull": True}) if None in items else Q(pk__in=()))


def _latest(rows: QuerySet[Firing] | QuerySet[Execution], item: str, at: str) -> dict[Place, datetime]:
    found = rows.order_by().values_list("trigger_id", item).annotate(latest=Max(at))
    return {(trigger_id, item_id): latest for trigger_id, item_id, latest in found}
