"""The events of a back-test by which its watches come back: made of the same order by the same maker as live ones."""

from dataclasses import dataclass
from functools import lru_cache

from accounts.enums import Source
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.enums import Origin
from triggers.models import Delivery, Event
from triggers.services.backtest.watches import Armed
from triggers.services.decide.events import Maker
from triggers.services.decide.items import Slot
from triggers.services.decide.past import Elapsed
from triggers.services.decide.read import read_one
from triggers.services.judge import event_facts
from triggers.services.watches import order_of
from workspaces.models import ContextItem, ItemState


@dataclass(frozen=True)
class TimeUp:
    """An event that was never stored, and what conditions see of it and its item."""

    event: Event
    facts: EventFacts
    item: ItemFacts


class TooEarly(Exception):
    """An event of the item that was accepted in time was decided later than the event that the run is at."""


class Gone(Exception):
    """The item, or its state of then, is no longer kept."""


class Clock:
    """Makes them, for the watches of one trigger."""

    def __init__(self, trigger_id: int) -> None:
        self._trigger_id = trigger_id
        self._waits: dict[int, int] = {}
        self._item = lru_cache(maxsize=500)(_item)

    def time_up(self, one: Armed, name: str, *, at: int) -> TimeUp:
        """The event that says so, decided just before the event ``at``. Raises TooEarly and Gone."""
        if self._waits.get(one.item_id, 0) >= at:
            raise TooEarly
        item = self._item(one.item_id)
        following = _next_of(one.item_id, at)
        if following is not None and following.accepted_at < one.due_at:
            self._waits[one.item_id] = following.pk
            raise TooEarly
        version = following.item_version if following is not None else item.state_version
        return self._made(one, name, _as_it_was(item, version or 0))

    def _made(self, one: Armed, name: str, item: ContextItem) -> TimeUp:
        said = Elapsed(self._trigger_id, 0, name, one.armed_by, one.armed_at, one.due_at)
        delivery = Delivery(
            pk=0,
            connection_id=item.connection_id,
            source=Source.INTERNAL,
            origin=Origin.TIMER,
            body=order_of(said, item=item, hop=one.hop).to_body(),
            trust_tier=one.trust_tier,
            received_at=one.due_at,
        )
        slot = Slot(item, None, item.state_version)
        reading = read_one(delivery, item.connection)
        event = Maker(endpoints={}, generation=0, now=one.due_at).event(reading, reading.events[0], slot)
        event.item = item
        return TimeUp(event, event_facts(event), slot.facts())


def _item(item_id: int) -> ContextItem:
    found = ContextItem.objects.select_related("connection").filter(pk=item_id).first()
    if found is None:
        raise Gone
    return found


def _next_of(item_id: int, at: int) -> Event | None:
    """The first event of an item from one on. Replays say nothing of how the item stood when they came."""
    rows = Event.objects.filter(item_id=item_id, pk__gte=at).exclude(origin=Origin.REPLAY)
    return rows.order_by("pk").only("accepted_at", "item_version").first()


def _as_it_was(item: ContextItem, version: int) -> ContextItem:
    if version == item.state_version:
        return item
    state = ItemState.objects.filter(item_id=item.pk, version=version).values_list("state", flat=True).first()
    if state is None and version:
        raise Gone
    values = {field.attname: getattr(item, field.attname) for field in item._meta.concrete_fields}
    then = ContextItem(**{**values, "state": state or {}, "state_version": version})
    then.connection = item.connection
    return then
