"""The bounds of one trigger in a simulated queue: overlap and the length of its queue, by the rules that decide."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from triggers.documents import LimitsPart
from triggers.enums import Origin, OverlapPolicy, TriggerStatus
from triggers.services.decide.bounds import Work, mergeable, oldest, queued, same_item
from triggers.services.decide.rules import Circumstances, displaced, merges, suppression


class Wish(Protocol):
    """What the bounds look at."""

    @property
    def item_id(self) -> int:
        """0: none."""

    @property
    def trust(self) -> int:
        """The rank of its tier."""


class OwnBounds:
    """The gate before the starts of a trigger; places are those of ``starts``."""

    def __init__(self, starts: Sequence[Wish], limits: LimitsPart) -> None:
        self._starts = starts
        self._limits = limits
        self._works: dict[int, Work] = {}
        self.left_out = self.joined = self.displaced = self.replaced = 0

    def enter(self, place: int) -> Sequence[int] | None:
        """None where it is left out, or joins one that waits; otherwise who gives way to it, waiting or at work."""
        if not self._limits.is_bounded:
            return ()
        wish, works = self._starts[place], list(self._works.values())
        one = Work(place, None, wish.item_id, 0, str(wish.trust), is_queued=True)
        joins = mergeable(works, item=one.item, revision_id=0, trust_tier=one.trust_tier)
        replaced = [work for work in works if work.item == one.item] if self._replaces else []
        given = _circumstances(
            self._limits,
            queued(works) - queued(replaced),
            same_item(works, one.item),
            is_mergeable=joins is not None,
        )
        if suppression(given) is not None:
            self.left_out += 1
            return None
        if merges(given):
            self.joined += 1
            return None
        working = [work for work in replaced if not work.is_queued]
        left = [work for work in works if work not in replaced]
        gone = [work.execution_id or 0 for work in (*replaced, *oldest(left, displaced(given)))]
        for number in gone:
            del self._works[number]
        self.displaced += len(gone) - len(working)
        self.replaced += len(working)
        self._works[place] = one
        return gone

    @property
    def _replaces(self) -> bool:
        return self._limits.overlap == OverlapPolicy.CANCEL_RUNNING

    def start(self, place: int) -> None:
        """It does not wait any more."""
        if place in self._works:
            self._works[place] = replace(self._works[place], is_queued=False)

    def leave(self, place: int) -> None:
        """It is over."""
        self._works.pop(place, None)


def _circumstances(limits: LimitsPart, queued: int, same_item: int, *, is_mergeable: bool) -> Circumstances:
    """Nothing but the bounds: what else keeps a trigger from firing was asked before."""
    return Circumstances(
        status=TriggerStatus.ACTIVE,
        limits=limits,
        origin=Origin.TIMER,
        hop=0,
        is_late=False,
        actor="",
        event_time=_ANY,
        accepted_at=_ANY,
        now=_ANY,
        queued=queued,
        same_item=same_item,
        is_mergeable=is_mergeable,
    )


_ANY = datetime(1970, 1, 1, tzinfo=UTC)
