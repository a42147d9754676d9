"""What a batch knows of the past of its triggers, and adds to it: cooldowns, rates, what is under way."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from triggers.services.decide.bounds import Bounds
from triggers.services.decide.cooldown import About, Cooldowns
from triggers.services.decide.items import Slot
from triggers.services.decide.rates import Rates
from triggers.services.matching import Candidate


@dataclass(frozen=True)
class Ledger:
    """Each reads only what the triggers' own limits ask about."""

    cooldowns: Cooldowns
    rates: Rates
    bounds: Bounds

    @classmethod
    def of(cls, candidates: Collection[Candidate], about: Sequence[About], *, now: datetime) -> Self:
        return cls(Cooldowns(candidates, about, now=now), Rates(candidates), Bounds(candidates))

    @property
    def trigger_ids(self) -> Iterable[int]:
        """The triggers whose answers rest on what was read."""
        return {*self.cooldowns.read, *self.rates.read, *self.bounds.trigger_ids}

    def fire(self, one: Candidate, slot: Slot | None, *, accepted_at: datetime, not_before: datetime | None) -> None:
        """Note a firing of this batch, for the events that come after it."""
        self.cooldowns.fire(one, slot, accepted_at=accepted_at, not_before=not_before)
        self.rates.fire(one, accepted_at=accepted_at)
