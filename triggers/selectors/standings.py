"""How triggers stood at a generation, and which revisions ever listened to what."""

from collections.abc import Collection

from triggers.enums import Origin, TriggerStatus
from triggers.models import Event, Replay, RevisionListener, Trigger, TriggerRevision, TriggerStanding

ASKED = (TriggerStatus.ACTIVE, TriggerStatus.SHADOW, TriggerStatus.PAUSED)
"""Paused triggers are asked too, so that `suppressed: paused` can be told from "no"."""


def standing_at(*, trigger: Trigger, generation: int) -> TriggerStanding | None:
    """How a trigger stood at a generation; None before it was first published or moved."""
    rows = TriggerStanding.objects.filter(trigger=trigger, generation__lte=generation).select_related("revision")
    return rows.order_by("-generation").first()


def hearing_revision_ids(*, event: Event) -> list[int]:
    """Ids of all revisions, of any time, that listen to the event's item, the one above it, or its connection."""
    rows = RevisionListener.objects.filter(listener__item=None, listener__connection_id=event.connection_id)
    if event.item is not None:
        items = [found for found in (event.item_id, event.item.parent_id) if found is not None]
        rows = rows | RevisionListener.objects.filter(listener__item_id__in=items)
    return sorted(set(rows.values_list("revision_id", flat=True)))


def standings_at(*, revision_ids: Collection[int], generation: int) -> list[TriggerStanding]:
    """The standings at a generation of the triggers whose deciding revision is one of these."""
    triggers = TriggerRevision.objects.filter(pk__in=revision_ids).values("trigger_id")
    rows = TriggerStanding.objects.filter(trigger_id__in=triggers, generation__lte=generation)
    latest: dict[int, TriggerStanding] = {}
    for row in rows.select_related("trigger", "revision").order_by("generation"):
        latest[row.trigger_id] = row
    return [row for _, row in sorted(latest.items()) if row.revision_id in revision_ids]


def judging_generation(event: Event) -> int:
    """The generation whose revisions judged an event: its decision's own, but for a replay by those of then."""
    if event.origin != Origin.REPLAY:
        return event.generation
    as_of = Replay.objects.filter(delivery_id=event.delivery_id or 0).values_list("as_of", flat=True).first()
    return event.generation if as_of is None else as_of


def asked_at(trigger_ids: Collection[int], *, generation: int) -> set[int]:
    """Those of these triggers that were asked at a generation."""
    rows = TriggerStanding.objects.filter(trigger_id__in=trigger_ids, generation__lte=generation)
    latest = dict(rows.order_by("generation").values_list("trigger_id", "status"))
    return {trigger_id for trigger_id, status in latest.items() if status in ASKED}
