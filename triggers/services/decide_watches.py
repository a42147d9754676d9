"""Armed absences as a batch of events sees them: which it arms, which it disarms, and what the commit must find so.

An event arms where no time that it would fall into runs already for its item; where the absence counts from the last
such event, it ends that one and arms anew. One that breaks the silence while the time runs disarms.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from dct_site.kernel import moves
from dct_site.kernel.rows import insert
from triggers.conditions.absences import absences
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.leaves.absence import Wanted
from triggers.enums import WatchStatus
from triggers.matching.program import compiled
from triggers.matching.questions import Answer as Program
from triggers.models import Watch
from triggers.services.decide_answers import Planned
from triggers.services.decide_items import Shelf, Slot
from triggers.services.decide_past import is_counted
from triggers.services.matching import Candidate

MOST_ARMED = 1_000
"""Of one trigger at a time. What would arm one more is answered with an error."""
BROKEN, ANEW = "What it waited for came.", "It counts from a later event."


@dataclass(frozen=True)
class _Absence:
    """What one absence of a trigger waits for, ready to be asked."""

    want: Wanted
    after: Program
    without: Program


@dataclass(eq=False)
class Running:
    """A watch that is stored, or that an event of the batch armed and has no number yet; and what ended it in it."""

    row: Watch
    ended_by: Planned | None = None


Place = tuple[int, int, str]
"""Trigger, item (negative: one that the batch brings), name of the absence."""


class Watches:
    """What a batch knows of armed absences, and does to them. Asks nothing where no trigger waits for silence."""

    def __init__(self, candidates: Iterable[Candidate], shelf: Shelf) -> None:
        self._waits = {one.id: found for one in candidates if (found := _absences(one))}
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
            breaks = absence.without(event, item) is True
            arms = absence.after(event, item) is True
            if breaks or arms:
                self.trigger_ids.add(one.id)
                problem = self._apply(one, planned, slot, absence.want, breaks=breaks, arms=arms) or problem
        return problem

    def would(self, one: Candidate, event: EventFacts, item: ItemFacts | None) -> tuple[tuple[Wanted, ...], bool]:
        """The absences that an event would arm, and whether it would disarm any; nothing is noted."""
        waits = self._waits.get(one.id, ())
        arms = tuple(absence.want for absence in waits if absence.after(event, item) is True)
        return arms, any(absence.without(event, item) is True for absence in waits)

    def _apply(self, one: Candidate, planned: Planned, slot: Slot, want: Wanted, *, breaks: bool, arms: bool) -> str:
        at = planned.event.accepted_at
        place = (one.id, -id(slot) if slot.is_new else int(slot.row.pk), want.name)
        # One whose time was up before this event, and which the clock has not found yet, is no longer touched.
        running = [found for found in self._running[place] if found.row.due_at > at]
        if breaks or (arms and want.restarts):
            for found in running:
                self._end(place, found, planned, BROKEN if breaks else ANEW)
            running = []
        return self._arm(one, planned, slot, place, want) if arms and not running else ""

    def _end(self, place: Place, found: Running, by: Planned, reason: str) -> None:
        found.ended_by, found.row.reason = by, reason
        self._running[place].remove(found)
        self._armed[place[0]] -= 1
        if found.row.pk is not None:
            self.ended.append(found)

    def _arm(self, one: Candidate, planned: Planned, slot: Slot, place: Place, want: Wanted) -> str:
        if self._armed[one.id] >= MOST_ARMED:
            return f"No watch was armed: {MOST_ARMED:,} of this trigger are armed already, as many as may be."
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


def _absences(one: Candidate) -> list[_Absence]:
    found = absences(one.raw.get("conditions"))
    return [_Absence(want, compiled(want.after), compiled(want.without)) for want in found]


def _stored(found: Running, now: datetime) -> Watch:
    row = found.row
    row.armed_by_id, row.item_id = row.armed_by.pk, row.item.pk
    if found.ended_by is not None:
        row.status, row.ended_by, row.ended_at = WatchStatus.DISARMED, found.ended_by.event, now
    return row
