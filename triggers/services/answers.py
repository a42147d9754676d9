"""What all triggers answered to a page of events, counted: a fixed number of queries, whatever the events."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Q

from accounts.permissions import Person
from triggers.enums import Origin, Outcome
from triggers.models import Decision, Event, Replay, RevisionListener, TriggerStanding
from triggers.selectors.standings import ASKED
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.explain import item_ids_of

Counts = Counter[str]


def count_answers(events: Sequence[Event], *, user: Person) -> Mapping[int, Counts]:
    """{event id: how many triggers that the person may see gave which outcome}; an event nobody was asked about has
    none. The events come with their item.
    """
    seen = set(triggers_visible_to(user=user).order_by().values_list("pk", flat=True))
    stored: dict[int, dict[int, str]] = defaultdict(dict)
    rows = Decision.objects.filter(event__in=[event.pk for event in events], trigger__in=seen).order_by()
    for event_id, trigger_id, outcome in rows.values_list("event_id", "trigger_id", "outcome"):
        stored[event_id][trigger_id] = outcome
    heard = _Heard(events, seen, _as_of(events))
    return {
        event.pk: Counter({**dict.fromkeys(heard.asked(event), Outcome.NOT_MATCHED.value), **stored[event.pk]}.values())
        for event in events
    }


def _as_of(events: Sequence[Event]) -> Mapping[int, int]:
    """{delivery: the generation of then} of those that were replayed by the revisions of then."""
    replayed = [event.delivery_id or 0 for event in events if event.origin == Origin.REPLAY]
    rows = Replay.objects.filter(delivery_id__in=replayed, as_of__isnull=False)
    return {delivery_id: as_of or 0 for delivery_id, as_of in rows.values_list("delivery_id", "as_of")}


class _Heard:
    """Who was asked: the revisions that listen to what the events are about, and how their triggers stood then."""

    def __init__(self, events: Sequence[Event], trigger_ids: set[int], as_of: Mapping[int, int]) -> None:
        self._as_of = as_of
        items = {found for event in events for found in item_ids_of(event)}
        connections = {event.connection_id for event in events}
        wanted = Q(listener__item__in=items) | Q(listener__item=None, listener__connection__in=connections)
        rows = RevisionListener.objects.filter(wanted, revision__trigger__in=trigger_ids)
        self._by_item: dict[int, set[int]] = defaultdict(set)
        self._by_connection: dict[int, set[int]] = defaultdict(set)
        revisions = set()
        for revision, item, connection in rows.values_list(
            "revision_id", "listener__item_id", "listener__connection_id"
        ):
            revisions.add(revision)
            if item:
                self._by_item[item].add(revision)
            else:  # the connection as a whole
                self._by_connection[connection].add(revision)
        standings = TriggerStanding.objects.filter(trigger__revisions__in=revisions).distinct()
        self._standings: dict[int, list[tuple[int, str, int | None]]] = defaultdict(list)
        for trigger, generation, status, revision_id in standings.order_by("generation").values_list(
            "trigger_id", "generation", "status", "revision_id"
        ):
            self._standings[trigger].append((generation, status, revision_id))

    def asked(self, event: Event) -> list[int]:
        """Ids of the triggers that were candidates for an event."""
        if event.origin == Origin.BACKFILL:
            return []
        hearing = set(self._by_connection[event.connection_id])
        for item in item_ids_of(event):
            hearing |= self._by_item[item]
        generation = self._as_of.get(event.delivery_id or 0, event.generation)
        return [
            trigger
            for trigger, standings in self._standings.items()
            if event.target_trigger_id in (None, trigger) and self._was_asked(standings, generation, hearing)
        ]

    def _was_asked(self, standings: Sequence[tuple[int, str, int | None]], generation: int, hearing: set[int]) -> bool:
        then = [(status, revision) for since, status, revision in standings if since <= generation]
        return bool(then) and then[-1][0] in ASKED and then[-1][1] in hearing
