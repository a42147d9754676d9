"""Bounds of a batch: what bounded triggers have under way, what the batch adds, what the commit must find unchanged."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef

from triggers.enums import ExecutionStatus
from triggers.models import Execution, Replay
from triggers.services.decide_items import Slot
from triggers.services.matching import Candidate

Item = int | Slot | None
"""The id of an item, a slot that has none yet, or None: events about no item are about the same."""

_UNDER_WAY = [status for status in ExecutionStatus if status not in Execution.MOVES.terminal]


@dataclass(frozen=True, eq=False)
class Work:
    """An execution that is not over; ``execution_id`` is None for one that the batch plans, by ``answer``."""

    execution_id: int | None
    answer: Any
    item: Item
    revision_id: int
    trust_tier: str
    is_queued: bool
    is_apart: bool = False
    """It waits for a person's review because somebody asked for that: nothing else may join it."""


class Bounds:
    """What is under way of every trigger that limits it, in the order of its making."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        bounded = {one.id for one in candidates if one.document.limits.is_bounded}
        self.read = under_way(bounded)
        self._works: dict[int, list[Work]] = {key: [] for key in bounded}
        for trigger_id, execution_id, item_id, revision_id, trust_tier, status, is_apart in self.read:
            is_queued = status == ExecutionStatus.QUEUED
            work = Work(execution_id, None, item_id, revision_id, trust_tier, is_queued, is_apart)
            self._works[trigger_id].append(work)

    @property
    def trigger_ids(self) -> Collection[int]:
        """The triggers whose work was looked at."""
        return self._works.keys()

    def queued(self, one: Candidate) -> int:
        return queued(self._works.get(one.id, ()))

    def same_item(self, one: Candidate, slot: Slot | None) -> int:
        return same_item(self._works.get(one.id, ()), _item(slot))

    def mergeable(self, one: Candidate, slot: Slot | None, trust_tier: str) -> Work | None:
        """The newest work about the item that still waits. Not one of another revision, which would run by another
        document than the one that matched, nor one of another trust.
        """
        works = self._works.get(one.id, ())
        return mergeable(works, item=_item(slot), revision_id=one.revision_id, trust_tier=trust_tier)

    def begin(
        self, one: Candidate, slot: Slot | None, trust_tier: str, answer: object, *, is_apart: bool = False
    ) -> None:
        """Note an execution of this batch, for the events that come after it."""
        if one.id in self._works:
            self._works[one.id].append(Work(None, answer, _item(slot), one.revision_id, trust_tier, True, is_apart))

    def drop(self, one: Candidate, count: int) -> list[Work]:
        """Take the oldest that wait out of the queue."""
        works = self._works.get(one.id, [])
        dropped = oldest(works, count)
        for work in dropped:
            works.remove(work)
        return dropped


def queued(works: Iterable[Work]) -> int:
    """How many of them wait."""
    return sum(work.is_queued for work in works)


def same_item(works: Iterable[Work], item: Item) -> int:
    """How many of them, waiting or at work, are about an item."""
    return sum(work.item == item for work in works)


def mergeable(works: Sequence[Work], *, item: Item, revision_id: int, trust_tier: str) -> Work | None:
    """The newest about an item that still waits, of the same revision and trust; nothing joins what is apart."""
    wanted = (item, revision_id, trust_tier, True, False)
    return next(
        (
            work
            for work in reversed(works)
            if (work.item, work.revision_id, work.trust_tier, work.is_queued, work.is_apart) == wanted
        ),
        None,
    )


def oldest(works: Iterable[Work], count: int) -> list[Work]:
    """The first that wait, so many."""
    return [work for work in works if work.is_queued][:count]


def under_way(trigger_ids: Collection[int]) -> list[tuple[int, int, int | None, int, str, str, bool]]:
    """(trigger, execution, item, revision, trust tier, status, apart) of what is not over, oldest first."""
    if not trigger_ids:
        return []
    apart = Exists(Replay.objects.filter(delivery_id=OuterRef("event__delivery_id"), is_draft=True))
    rows = Execution.objects.filter(trigger_id__in=list(trigger_ids), status__in=_UNDER_WAY).order_by("pk")
    columns = ("trigger_id", "pk", "item_id_at_start", "revision_id", "event__trust_tier", "status")
    return list(rows.values_list(*columns, apart))


def hold_queued(execution_ids: Collection[int]) -> bool:
    """Keep these from being started until the transaction ends; False where one of them is, or is about to be.

    Nobody is waited for: an admission takes them in another order.
    """
    if not execution_ids:
        return True
    rows = Execution.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
    held = rows.filter(pk__in=list(execution_ids), status=ExecutionStatus.QUEUED).values_list("pk", flat=True)
    return set(held) == set(execution_ids)


def _item(slot: Slot | None) -> Item:
    if slot is None:
        return None
    return slot if slot.is_new else slot.row.pk
