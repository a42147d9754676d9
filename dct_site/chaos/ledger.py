"""What the harness's agents noted of their own lives, and what follows from it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

NAME = "work/ledger.jsonl"


@dataclass(frozen=True)
class Life:
    """One process of an agent: seconds of the boot clock from its first note to its last. A killed one may have lived
    a moment longer.
    """

    began: float
    last: float
    is_finished: bool


def read(workspace: Path) -> list[Life]:
    """The lives in one workspace, in the order of their beginnings. A line that was cut off by a kill is none."""
    file = workspace / NAME
    notes: dict[str, list[tuple[float, str]]] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        notes.setdefault(told["life"], []).append((told["at"], told["what"]))
    lives = (Life(min(found)[0], max(found)[0], any(what == "end" for _, what in found)) for found in notes.values())
    return sorted(lives, key=lambda life: life.began)


def overlapping(lives: Sequence[Life]) -> Iterator[tuple[Life, Life]]:
    """Neighbours of which the second began before the first one's last note."""
    return ((one, other) for one, other in pairwise(lives) if other.began < one.last)


def most_at_once(lives: Iterable[Life]) -> int:
    """How many lived at the fullest instant."""
    steps = sorted(step for life in lives for step in ((life.began, 1), (life.last, -1)))
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most
