"""How much of the agents' slots was in use over the last hours, from the begin and end of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from agents.enums import RunStatus
from agents.models import AgentRun
from agents.selectors.capacity import limits_now

PART = timedelta(minutes=10)
PARTS = 36
MOST = 20_000
"""Runs that are looked at, the newest; where there were more, the chart begins with the oldest of them."""
_ALIVE = (RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING)


@dataclass(frozen=True)
class Part:
    """``used`` slots on average from ``at`` on, for PART; None where that is not known."""

    at: datetime
    used: float | None


@dataclass(frozen=True)
class Utilisation:
    """The parts, the oldest first, and the limit as it is now (what it was is in the audit log)."""

    limit: int
    parts: Sequence[Part]

    @property
    def mean(self) -> float | None:
        known = [part.used for part in self.parts if part.used is not None]
        return sum(known) / len(known) if known else None

    @property
    def highest(self) -> Part | None:
        known = [part for part in self.parts if part.used is not None]
        return max(known, key=lambda part: part.used or 0.0, default=None)


def utilisation(*, now: datetime) -> Utilisation:
    """Of the last PARTS × PART; the last part ends now."""
    since = now - PARTS * PART
    columns = ("started_at", "ended_at")
    ended = AgentRun.objects.filter(ended_at__gt=since, started_at__lt=now).order_by("-ended_at")
    alive = AgentRun.objects.filter(status__in=_ALIVE, ended_at=None).order_by()
    newest = list(ended.values_list(*columns)[:MOST])
    known_since = newest[-1][1] if len(newest) == MOST else since
    used = [timedelta()] * PARTS
    for began, over in chain(newest, alive.values_list(*columns)[:MOST]):
        _add(used, max(began, since) - since, min(over or now, now) - since)
    starts = [since + number * PART for number in range(PARTS)]
    parts = [
        Part(at, one / PART if at >= (known_since or since) else None) for at, one in zip(starts, used, strict=True)
    ]
    return Utilisation(limits_now().max_agents, parts)


def _add(used: list[timedelta], began: timedelta, over: timedelta) -> None:
    """Spread one run over the parts that it touches."""
    for number in range(max(0, began // PART), min(PARTS, -(-over // PART))):
        used[number] += max(timedelta(), min(over, (number + 1) * PART) - max(began, number * PART))
