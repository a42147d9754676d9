"""The ladder of overload: which rung follows from what is measured. Arithmetic without a database.

Up one rung at a time while a signal stands above that rung's bound; down one at a time after all of them have stood
below a lower bound for a while, so that nothing flutters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.enums import Rung

CLIMB_AFTER = timedelta(seconds=5)
"""From one rung to the next: a single slow moment leads one rung up and no further."""
CALM_FOR = timedelta(seconds=15)
STALE_AFTER = timedelta(seconds=30)
"""Whoever looked last is gone by then, and nobody is kept waiting by what nobody looks at."""
LOW_BELOW = 5
"""Priorities below the usual one wait from LOW_WAITS on."""
POLLS_SLOWER = 4.0

HOLDS_BACK: Mapping[Rung, str] = {
    Rung.POLLS_SLOW: "polls are slower",
    Rung.LOW_WAITS: f"priorities below {LOW_BELOW} wait",
    Rung.BULK_STOPS: "bulk replays and erasures wait",
    Rung.DOOR_CLOSED: "webhooks are turned away",
}
"""What each rung gives up, beside all below it."""

Bounds = tuple[float | None, float | None, float | None, float | None]


@dataclass(frozen=True)
class Signal:
    """Something that is measured. ``up`` leads to rung 1 to 4 (None: never there), ``down`` keeps from leaving it.
    ``words`` say a value that was measured, ``eased`` one below which it keeps from nothing.
    """

    name: str
    up: Bounds
    down: Bounds
    words: Callable[[float], str]
    eased: Callable[[float], str]


@dataclass(frozen=True)
class Standing:
    """The rung, since when, why, and since when it might be left."""

    rung: Rung
    at: datetime | None = None
    reason: str = ""
    calm_since: datetime | None = None


SIGNALS: Sequence[Signal] = (
    Signal(
        "decide_age_s", (10, 30, 120, None), (5, 15, 60, None),
        lambda value: f"a delivery has waited for its answer for {value:.0f} s",
        lambda bound: f"no delivery has waited for its answer for {bound:.0f} s",
    ),
    Signal(
        "decide_count", (2_000, 10_000, 50_000, 200_000), (1_000, 5_000, 25_000, 100_000),
        lambda value: f"{value:,.0f} deliveries wait for their answers",
        lambda bound: f"fewer than {bound:,.0f} wait",
    ),
    Signal(
        "disk_used", (0.92, 0.94, 0.95, 0.98), (0.91, 0.93, 0.94, 0.97),
        lambda value: f"{1 - value:.0%} of the disk is free",
        lambda bound: f"more than {1 - bound:.0%} of the disk is free",
    ),
    Signal(
        "lock_wait_s", (2, 5, 10, 20), (0.5, 1, 3, 5),
        lambda value: f"who writes to the database waits for {value:.1f} s",
        lambda bound: f"who writes to the database waits for less than {bound:g} s",
    ),
)  # fmt: skip


def rung_of(value: float, bounds: Bounds) -> Rung:
    """The highest rung whose bound the value has reached."""
    reached = [number for number, bound in enumerate(bounds, start=1) if bound is not None and value >= bound]
    return Rung(max(reached, default=0))


def step(standing: Standing, measured: Mapping[str, float], *, now: datetime) -> Standing:
    """Where to stand now. ``measured`` has a value for each of SIGNALS, by name."""
    wanted, worst = max(((rung_of(measured[one.name], one.up), one) for one in SIGNALS), key=lambda found: found[0])
    if wanted > standing.rung:
        if standing.at is not None and standing.rung and now - standing.at < CLIMB_AFTER:
            return Standing(standing.rung, standing.at, standing.reason)
        return Standing(Rung(standing.rung + 1), now, worst.words(measured[worst.name]))
    kept = max(rung_of(measured[one.name], one.down) for one in SIGNALS)
    if kept >= standing.rung:
        return Standing(standing.rung, standing.at, standing.reason)
    since = standing.calm_since or now
    if now - since < CALM_FOR:
        return Standing(standing.rung, standing.at, standing.reason, since)
    lower = Rung(standing.rung - 1)
    return Standing(lower, now, standing.reason if lower else "", now if lower else None)


def eased(rung: Rung) -> tuple[str, ...]:
    """What has to be the case for a while before a rung is left; nothing for the lowest, which nobody leaves."""
    bounds = ((one, one.down[rung - 1]) for one in SIGNALS if rung)
    return tuple(one.eased(bound) for one, bound in bounds if bound is not None)
