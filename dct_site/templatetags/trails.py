"""The trail in numbers: which leg is how wide, and what a screen reader says about the small picture."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from triggers.selectors.trail import LegState

TONES: Mapping[str, str] = {
    LegState.DONE: "good",
    LegState.LIVE: "live",
    LegState.WAIT: "wait",
    LegState.PERSON: "warn",
    LegState.FAILED: "bad",
    LegState.TODO: "off",
}
ICONS: Mapping[str, str] = {
    LegState.DONE: "check-lg",
    LegState.LIVE: "arrow-repeat",
    LegState.WAIT: "hourglass-split",
    LegState.PERSON: "person-raised-hand",
    LegState.FAILED: "x-octagon-fill",
    LegState.TODO: "circle",
}
SPOKEN: Mapping[str, str] = {
    LegState.LIVE: "at work",
    LegState.WAIT: "waiting its turn",
    LegState.PERSON: "waits for a person",
    LegState.FAILED: "failed",
}
SMALL_CLASS: Mapping[str, str] = {
    LegState.DONE: "d",
    LegState.LIVE: "l",
    LegState.WAIT: "q",
    LegState.PERSON: "w",
    LegState.FAILED: "x",
    LegState.TODO: "p",
}


def leg_span(ms: float | None) -> int:
    """The width class of a leg, 1 to 5, by the logarithm of its duration: 0.1 s, 1 s, 10 s and 100 s are the steps."""
    if ms is None or ms < 100:
        return 1
    return min(5, 1 + int(log10(ms / 10)))


def spoken_trail(legs: Sequence[Mapping[str, Any]]) -> str:
    """One phrase for the small trail: the first leg that is not done, or that all are."""
    for position, leg in enumerate(legs, start=1):
        if leg["state"] in SPOKEN:
            return f"{leg['name']}: {SPOKEN[leg['state']]}, leg {position} of {len(legs)}"
    done = sum(leg["state"] == LegState.DONE for leg in legs)
    if legs and done == len(legs):
        return f"All {done} legs done"
    return f"{done} of {len(legs)} legs done"
