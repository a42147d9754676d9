"""What replays ask for beyond their event: revisions of then, a draft, a priority of their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from triggers.documents import read
from triggers.enums import Origin
from triggers.models import Delivery, Event, Replay, Trigger, TriggerStanding
from triggers.selectors.standings import ASKED, hearing_revision_ids, standing_at, standings_at
from triggers.services.matching import Candidate


def wishes_of(deliveries: Iterable[Delivery]) -> Mapping[int, Replay]:
    """{delivery id: what it repeats, and how}; nothing is asked where nothing is repeated."""
    ids = [delivery.pk for delivery in deliveries if delivery.origin == Origin.REPLAY and delivery.pk]
    return Replay.objects.in_bulk(ids) if ids else {}


def as_wished(one: Candidate, wish: Replay | None) -> Candidate:
    """The candidate with the priority that the replay asks for."""
    if wish is None or wish.priority is None:
        return one
    return replace(one, document=replace(one.document, priority=wish.priority))


def candidates_then(event: Event, wish: Replay) -> dict[int, Candidate]:
    """{trigger id: the trigger with the revision that decided then} of those asked then that are still asked.

    Conditions, workspace, agent and deliverables are those of then; what protects the present (status, limits, the
    owner's rights) is of now.
    """
    found = {standing.trigger_id: standing for standing in _standings(event, wish) if standing.status in ASKED}
    rows = Trigger.objects.filter(pk__in=found, status__in=ASKED, published__isnull=False)
    return {row.pk: _then(row, found[row.pk]) for row in rows.select_related("published", "owner") if row.pk in found}


def _standings(event: Event, wish: Replay) -> Sequence[TriggerStanding]:
    generation = wish.as_of or 0
    if event.target_trigger_id is not None:
        standing = standing_at(trigger=Trigger(pk=event.target_trigger_id), generation=generation)
        return [standing] if standing is not None else []
    origin = Event.objects.select_related("item").filter(pk=wish.event_id or 0).first()
    if origin is None:
        return []
    return standings_at(revision_ids=hearing_revision_ids(event=origin), generation=generation)


def _then(row: Trigger, standing: TriggerStanding) -> Candidate:
    assert standing.revision is not None  # noqa: S101 - those who are asked have one
    assert row.published is not None  # noqa: S101 - filtered for it
    raw = standing.revision.document
    document = replace(read(raw), limits=read(row.published.document).limits)
    return Candidate(row, standing.revision.pk, raw, document)
