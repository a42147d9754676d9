"""Armed absences as a batch of events sees them: which it arms, which it disarms, and what the commit must find so.

What an event does to them is said in ``watch_rules``.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from dct_site.kernel import moves
from dct_site.kernel.rows import insert
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves.absence import Wanted
from triggers.enums import WatchStatus
from triggers.models import Watch
from triggers.services.decide.answers import Planned
from triggers.services.decide.items import Shelf, Slot
from triggers.services.decide.past import is_counted
from triggers.services.matching import Candidate
from triggers.services.watch_rules import Absence, absences_of, too_many

MOST_ARMED = 1_000
"""Of one trigger at a time. What would arm one more is answered with an error."""


@dataclass(eq=False)
class Running:
    """A watch that is stored, or that an event of the batch armed and has no number yet; and what ended it in it."""

    row: Watch
    ended_by: Planned | None = None

    @property
    def due_at(self) -> datetime:
        return self.row.due_at


Place = tuple[int, int, str]
"""Trigger, item (negative: one that the batch brings), name of the absence."""


class Watches:
    """What a batch knows of armed absences, and does to them. Asks nothing where no trigger waits for silence."""

    def __init__(self, candidates: Iterable[Candidate], shelf: Shelf) -> None:
        self._waits = {one.id: found for one in candidates if (found := absences_of(one.raw.get("conditions")))}
        self._item_ids = [slot.row.pk for slot in shelf.slots if not slot.is_new] if self._waits else []
        self._running: dict[Place, list[Running]] = defaultdict(list)
        rows = armed(self._waits, self._item_ids)
        self._armed = _numbers(self._waits)
        self._read = {row.pk for row in rows}
        for row in rows:
            self._running[row.trigger_id, row.item_id, row.condition].append(Running(row))
        self.begun: list[Running] = []
        self.ended: list[Running] = []
        self.trigger_ids: set[int] = set()
        """The triggers whose watches an event of the batch bears on."""

    def see(self, one: Candidate, planned: Planned, event: EventFacts, item: ItemFacts | None) -> str:
        """Arm and disarm by one event; why nothing could be armed, as a sentence, empty where nothing was wanted."""
        slot = planned.slot
        if slot is None or not is_counted(planned.event):
            return ""
        problem = ""
        for absence in self._waits.get(one.id, ()):
            breaks, arms = absence.bears(event, item)
            if breaks or arms:
                self.trigger_ids.add(one.id)
                problem = self._apply(one, planned, slot, absence, (breaks, arms)) or problem
        return problem

    def would(self, one: Candidate, event: EventFacts, item: ItemFacts | None) -> tuple[tuple[Wanted, ...], bool]:
        """The absences that an event would arm, and whether it would disarm any; nothing is noted."""
        bears = [(absence.want, *absence.bears(event, item)) for absence in self._waits.get(one.id, ())]
        return tuple(want for want, _, arms in bears if arms), any(breaks for _, breaks, _ in bears)

    def _apply(self, one: Candidate, planned: Planned, slot: Slot, absence: Absence, bears: tuple[bool, bool]) -> str:
        place = (one.id, -id(slot) if slot.is_new else int(slot.row.pk), absence.want.name)
        effect = absence.effect(self._running[place], at=planned.event.accepted_at, breaks=bears[0], arms=bears[1])
        for found in effect.ended:
            self._end(place, found, planned, effect.reason)
        return self._arm(one, planned, slot, place, absence.want) if effect.arms else ""

    def _end(self, place: Place, found: Running, by: Planned, reason: str) -> None:
        found.ended_by, found.row.reason = by, reason
        self._running[place].remove(found)
        self._armed[place[0]] -= 1
        if found.row.pk is not None:
            self.ended.append(found)

    def _arm(self, one: Candidate, planned: Planned, slot: Slot, place: Place, want: Wanted) -> str:
        if self._armed[one.id] >= MOST_ARMED:
            return too_many(MOST_ARMED)
        at = planned.event.accepted_at
        row = Watch(
            armed_by=planned.event,
            item=slot.row,
            trigger_id=one.id,
            revision_id=one.revision_id,
            condition=want.name,
            status=WatchStatus.ARMED,
            armed_at=at,
            due_at=at + want.within,
        )
        found = Running(row)
        self._armed[one.id] += 1
        self._running[place].append(found)
        self.begun.append(found)
        return ""

    def is_as_read(self) -> bool:
        """Whether the watches that the batch bears on are as they were read, and there is room for what it arms. What
        it ends is held until the transaction ends.
        """
        if not self.trigger_ids:
            return True
        list(
            Watch.objects.select_for_update(no_key=True)
            .filter(pk__in=[found.row.pk for found in self.ended])
            .order_by("pk")
            .values_list("pk")
        )
        if {row.pk for row in armed(self._waits, self._item_ids)} != self._read:
            return False
        more: Counter[int] = Counter(found.row.trigger_id for found in self.begun if found.ended_by is None)
        more.subtract(found.row.trigger_id for found in self.ended)
        now = _numbers(key for key, count in more.items() if count > 0)
        return all(now[key] + more[key] <= MOST_ARMED for key in now)

    def write(self, now: datetime) -> None:
        """Store what the batch did. The events and items that it is about are stored already."""
        rows = [_stored(found, now) for found in self.begun]
        insert(rows)
        if rows:
            moves.born(*rows, now=now)
        for found in self.ended:
            reason, found.row.status = found.row.reason, WatchStatus.ARMED
            moves.move(
                found.row,
                WatchStatus.DISARMED,
                now=now,
                reason=reason,
                keep_reason=True,
                ended_by=found.ended_by.event if found.ended_by is not None else None,
                ended_at=now,
            )


def armed(trigger_ids: Collection[int], item_ids: Collection[int]) -> list[Watch]:
    """What is armed of these triggers for these items, oldest first."""
    if not trigger_ids or not item_ids:
        return []
    rows = Watch.objects.filter(trigger_id__in=list(trigger_ids), item_id__in=list(item_ids))
    return list(rows.filter(status=WatchStatus.ARMED).order_by("pk"))


def _numbers(trigger_ids: Iterable[int]) -> Counter[int]:
    """{trigger id: how many watches of it are armed}."""
    ids = list(trigger_ids)
    if not ids:
        return Counter()
    rows = Watch.objects.filter(trigger_id__in=ids, status=WatchStatus.ARMED).order_by()
    return Counter(rows.values_list("trigger_id", flat=True))


def _stored(found: Running, now: datetime) -> Watch:
    row = found.row
    row.armed_by_id, row.item_id = row.armed_by.pk, row.item.pk
    if found.ended_by is not None:
        row.status, row.ended_by, row.ended_at = WatchStatus.DISARMED, found.ended_by.event, now
    return row
