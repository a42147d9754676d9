"""How far a back-test is and what it has found, as it travels from slice to slice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from triggers.services.backtest.queue import Queueing
from triggers.services.backtest.watches import Written

Found = tuple[int, str, str]
"""An event's id, "gained" | "lost" | "same", and where it fires because of the silence after it when that was over."""


@dataclass
class Progress:
    """What a run has found so far. ``gained`` fires in the document only, ``lost`` in the published revision only.

    ``seen`` events were asked about, of those up to ``after_id``: the window's begin after ``opens_id`` and end with
    ``last_id``; ``is_cut``: it may hold more. ``earlier`` came before it, from ``first_id`` on, and were looked at for
    what they armed; ``is_earlier_cut``: more may have come in the time that is waited for. Nothing is asked of what is
    at ``ends_at`` or later.

    ``suppressed``, ``undecided``, ``silences`` (firings when the time of a watch was up), ``taken_in`` (firings that
    joined a run that waited for quiet, for a batch or for the end of a cooldown), ``unwatched`` (events that
    would have armed one watch more than may be) and ``still_running`` are the document's own; ``unknown`` counts events
    whose item's state of then is no longer kept. ``storms`` is how often the document's storm brake would have paused
    it, first at ``storm_at``; it goes on as if somebody had resumed it at once. ``found`` is oldest first; ``starts``
    are the firings' wishes for capacity. ``pacing`` and ``running`` are how the document stands, and what is published.
    """

    first_id: int
    opens_id: int
    last_id: int
    after_id: int
    ends_at: str
    is_cut: bool = False
    is_earlier_cut: bool = False
    earlier: int = 0
    seen: int = 0
    gained: int = 0
    lost: int = 0
    same: int = 0
    suppressed: int = 0
    undecided: int = 0
    unknown: int = 0
    silences: int = 0
    taken_in: int = 0
    unwatched: int = 0
    still_running: int = 0
    found: list[Found] = field(default_factory=list)
    storms: int = 0
    storm_at: str = ""
    starts: list[list[int]] = field(default_factory=list)
    pacing: list[list[Any]] = field(default_factory=lambda: [[[], None, [], []], [[], None, [], []]])
    running: list[list[Written]] = field(default_factory=lambda: [[], []])

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Progress":
        """From what JSON made of it."""
        return cls(**{**said, "found": [(event_id, mark, over_at) for event_id, mark, over_at in said["found"]]})

    @property
    def is_over(self) -> bool:
        return self.is_cut or self.after_id >= self.last_id

    @property
    def percent(self) -> int:
        """How far it is, by ids: what is not to be asked about passes faster."""
        return 100 if self.is_over else 100 * (self.after_id - self.first_id) // (self.last_id - self.first_id)

    @property
    def fired(self) -> int:
        """How often the document would have fired."""
        return self.gained + self.same


@dataclass(frozen=True)
class Slice:
    """How far a run is. ``cursor`` asks for the next slice; it is empty at the end, which alone has ``queue``."""

    since: datetime
    until: datetime
    progress: Progress
    cursor: str
    queue: Queueing | None
    compared_with: int | None
    """The number of the published revision; None where nothing is published."""

    @property
    def newest_first(self) -> list[Found]:
        return self.progress.found[::-1]
