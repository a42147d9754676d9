"""Bounds of a batch: what bounded triggers have under way, what the batch adds, what the commit must find unchanged."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from triggers.enums import ExecutionStatus
from triggers.models import Execution, Replay
from triggers.services.decide.gather import Gathering, add, is_open
from triggers.services.decide.items import Item, Slot, item_of
from triggers.services.matching import Candidate

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
    gathering: Gathering | None = None
    """How it stands as one that takes events in until its time has come; None where it has been tried already."""


class Bounds:
    """What is under way of every trigger that limits it, in the order of its making."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        bounded = {one.id for one in candidates if one.document.limits.is_bounded}
        self.read = under_way(bounded)
        self._works: dict[int, list[Work]] = {key: [] for key in bounded}
        self.moved: list[Work] = []
        """Those stored already that take in more, with when they may begin now."""
        for row in self.read:
            self._works[row.trigger_id].append(_work(row))

    @property
    def trigger_ids(self) -> Collection[int]:
        """The triggers whose work was looked at."""
        return self._works.keys()

    def queued(self, one: Candidate) -> int:
        return queued(self._works.get(one.id, ()))

    def replaceable(self, one: Candidate, slot: Slot | None) -> list[Work]:
        """What is under way for the item, waiting or at work; but for what waits for a person apart."""
        return [work for work in self._works.get(one.id, ()) if work.item == item_of(slot) and not work.is_apart]

    def gathering(self, one: Candidate, slot: Slot | None, trust_tier: str, *, now: datetime) -> Work | None:
        """The work that waits for its time and takes the event in meanwhile; of the same revision and trust, and of the
        same item, unless the trigger gathers for all of them.
        """
        limits = one.document.limits
        return next(
            (
                work
                for work in reversed(self._works.get(one.id, ()))
                if work.is_queued
                and not work.is_apart
                and (limits.gathers_all or work.item == item_of(slot))
                and (work.revision_id, work.trust_tier) == (one.revision_id, trust_tier)
                and work.gathering is not None
                and is_open(work.gathering, limits, now)
            ),
            None,
        )

    def take_in(self, one: Candidate, work: Work, *, now: datetime) -> None:
        """Note that a work that gathers takes in one more."""
        assert work.gathering is not None  # noqa: S101 - found for it
        add(work.gathering, one.document.limits, now)
        if work.execution_id is None:
            work.answer.not_before, work.answer.event_count = work.gathering.until, work.gathering.count
        elif work not in self.moved:
            self.moved.append(work)

    def same_item(self, one: Candidate, slot: Slot | None) -> int:
        return same_item(self._works.get(one.id, ()), item_of(slot))

    def mergeable(self, one: Candidate, slot: Slot | None, trust_tier: str) -> Work | None:
        """The newest work about the item that still waits. Not one of another revision, which would run by another
        document than the one that matched, nor one of another trust.
        """
        works = self._works.get(one.id, ())
        return mergeable(works, item=item_of(slot), revision_id=one.revision_id, trust_tier=trust_tier)

    def begin(
        self,
        one: Candidate,
        slot: Slot | None,
        trust_tier: str,
        answer: object,
        *,
        is_apart: bool = False,
        gathering: Gathering | None = None,
    ) -> None:
        """Note an execution of this batch, for the events that come after it."""
        if one.id in self._works:
            work = Work(None, answer, item_of(slot), one.revision_id, trust_tier, True, is_apart, gathering)
            self._works[one.id].append(work)

    def replace(self, one: Candidate, slot: Slot | None) -> list[Work]:
        """Take out all that is ``replaceable``."""
        gone = self.replaceable(one, slot)
        for work in gone:
            self._works[one.id].remove(work)
        return gone

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


class UnderWay(NamedTuple):
    """What is to be known of an execution that is not over."""

    trigger_id: int
    execution_id: int
    item_id: int | None
    revision_id: int
    trust_tier: str
    status: str
    attempt: int
    queued_at: datetime
    not_before: datetime | None
    event_count: int
    is_apart: bool


def _work(row: UnderWay) -> Work:
    is_queued = row.status == ExecutionStatus.QUEUED
    gathering = None
    if is_queued and not row.attempt and row.not_before is not None:
        gathering = Gathering(row.not_before, row.queued_at, row.event_count)
    return Work(
        row.execution_id, None, row.item_id, row.revision_id, row.trust_tier, is_queued, row.is_apart, gathering
    )


def under_way(trigger_ids: Collection[int]) -> list[UnderWay]:
    """What is not over, oldest first."""
    if not trigger_ids:
        return []
    apart = Exists(Replay.objects.filter(delivery_id=OuterRef("event__delivery_id"), is_draft=True))
    rows = Execution.objects.filter(trigger_id__in=list(trigger_ids), status__in=_UNDER_WAY).order_by("pk")
    columns = ("trigger_id", "pk", "item_id_at_start", "revision_id", "event__trust_tier", "status", "attempt")
    waits = ("queued_at", "not_before", "event_count")
    return [UnderWay(*row) for row in rows.values_list(*columns, *waits, apart)]


def hold_queued(execution_ids: Collection[int]) -> bool:
    """Keep these from being started until the transaction ends; False where one of them is, or is about to be.

    Nobody is waited for: an admission takes them in another order.
    """
    if not execution_ids:
        return True
    rows = Execution.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
    held = rows.filter(pk__in=list(execution_ids), status=ExecutionStatus.QUEUED).values_list("pk", flat=True)
    return set(held) == set(execution_ids)


def hold_open(execution_ids: Collection[int]) -> bool:
    """Keep these from ending until the transaction ends; False where one of them has. The caller holds the capacity,
    so that none is about to be admitted.
    """
    if not execution_ids:
        return True
    rows = Execution.objects.select_for_update(no_key=True).filter(pk__in=list(execution_ids)).order_by("pk")
    return all(status in _UNDER_WAY for status in list(rows.values_list("status", flat=True)))
