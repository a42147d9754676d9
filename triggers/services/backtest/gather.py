"""Runs that gather in a back-test: those whose time has not come, by the rules by which they gather live."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triggers.documents import LimitsPart
from triggers.services.backtest.queue import Start
from triggers.services.decide.gather import Gathering, is_open

WrittenRun = list[Any]
"""As a cursor holds it."""


@dataclass
class _Run:
    start: Start
    gathering: Gathering


class Gatherings:
    """What waits and takes events in. A run is told as a start when its time has come, for it is known only then."""

    def __init__(self, written: Sequence[WrittenRun] = ()) -> None:
        self._open = [
            _Run(Start(*start), Gathering(_moment(until), _moment(since), count))
            for until, since, count, start in written
        ]

    def written(self) -> list[WrittenRun]:
        """For a cursor."""
        return [
            [run.gathering.until.isoformat(), run.gathering.since.isoformat(), run.gathering.count, list(run.start)]
            for run in self._open
        ]

    def find(self, limits: LimitsPart, *, item_id: int, trust: int, now: datetime) -> Gathering | None:
        """The one that takes such an event in."""
        return next(
            (
                run.gathering
                for run in reversed(self._open)
                if (limits.gathers_all or run.start.item_id == item_id)
                and run.start.trust == trust
                and is_open(run.gathering, limits, now)
            ),
            None,
        )

    def keep(self, start: Start, gathering: Gathering) -> None:
        """It waits."""
        self._open.append(_Run(start, gathering))

    def close(self, by: datetime | None) -> list[Start]:
        """The starts of those whose time has come by then; None: of all."""
        over = [run for run in self._open if by is None or run.gathering.until <= by]
        self._open = [run for run in self._open if run not in over]
        return [run.start._replace(at=int(run.gathering.until.timestamp())) for run in over]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
