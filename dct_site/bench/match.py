"""What it costs to find the triggers that an event concerns, among 100 to 100,000 of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from dct_site.bench.figure import Figure
from dct_site.bench.intake import ROOT, database
from dct_site.bench.match_child import EVENTS, ROUNDS
from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts
from triggers.matching.program import compiled

SIZES = (100, 1_000, 10_000, 100_000)
ASKS = 20_000
Measured = Mapping[str, float]


def measure() -> Iterator[Figure]:
    """Figures in µs, ms or s of CPU and MB of the process; SQLite, each size in a process of its own."""
    yield three_clauses()
    measured = {}
    for size in SIZES:
        with database("") as environment:
            child(environment, "fill", size)
            measured[size] = json.loads(child(environment, "measure", size).splitlines()[-1])
        yield from of_one_size(size, measured[size])
    yield growth(measured)


def child(environment: Mapping[str, str], what: str, size: int) -> str:
    """Run one part in a process of its own; what it wrote."""
    argv = [sys.executable, "-m", "dct_site.bench.match_child", what, str(size)]
    return subprocess.run(argv, cwd=ROOT, env=dict(environment), check=True, stdout=subprocess.PIPE, text=True).stdout


def of_one_size(size: int, told: Measured) -> Iterator[Figure]:
    """Every figure of so many triggers."""
    mixed = f"{size} triggers: half status, quarter sender, quarter phrase; 2 match each event; {_machine()}"

    def one(
        figure: str, name: str, unit: str, n: int, words: str, baseline: str | None = None, key: str = ""
    ) -> Figure:
        other = round(told[key], 3) if key else None
        return Figure("match", f"{figure}_{size}", told[name], unit, n, f"{mixed}; {words}", baseline, other)

    rounds = f"median of {ROUNDS}"
    yield one("mean", "index_us", "us_cpu", EVENTS, f"{rounds}; baseline: every compiled program", "scan", "scan_us")
    yield one("mean", "index_us", "us_cpu", EVENTS, f"{rounds}; baseline: every evaluation", "evaluate", "evaluate_us")
    faster = told["scan_us"] / told["index_us"]
    yield Figure("match", f"faster_{size}", faster, "times", EVENTS, f"{mixed}; than every compiled program in turn")
    yield one("p99", "index_p99_us", "us_cpu", EVENTS, rounds)
    yield one("load", "load_s", "s_cpu", 1, "from SQLite")
    yield one("rss", "rss_mb", "MB", 1, "of the process; baseline: the same before the load", "django", "django_mb")
    yield one("peak", "peak_mb", "MB", 1, "the most during the load")
    yield one("edit", "edit_ms", "ms_cpu", ROUNDS, "from its commit to the next match of another process")
    yield one("edit_beside_many", "edit_beside_many_ms", "ms_cpu", ROUNDS, "the same beside 490 that wait for a merge")
    yield one("merge_slice", "merge_slice_ms", "ms_cpu", 1, "the longest that a merge holds the interpreter")


def growth(measured: Mapping[int, Measured]) -> Figure:
    """The mean at the most triggers over that at the fewest."""
    least, most = measured[min(measured)]["index_us"], measured[max(measured)]["index_us"]
    told = f"{max(measured)} triggers; {_machine()}"
    return Figure("match", "growth", most, "us_cpu", EVENTS, told, f"{min(measured)} triggers", round(least, 3))


def three_clauses() -> Figure:
    """A condition of three fields that all hold, compiled, beside its evaluation with reasons."""
    pull = {"base": {"ref": "main"}, "number": 231}
    event = EventFacts(
        source="github",
        type="pull_request.opened",
        data={"action": "opened", "pull_request": pull, "repository": {"full_name": "harbor/ferry-api"}},
    )
    tree = {
        "all": [
            _field("data.action", "equals", "opened"),
            _field("data.pull_request.base.ref", "in", ["main", "release"]),
            _field("data.repository.full_name", "equals", "harbor/ferry-api"),
        ]
    }
    program, ours, theirs = compiled(tree), [], []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(ASKS):
            program(event, None)
        ours.append((time.thread_time() - began) / ASKS * 1e6)
        began = time.thread_time()
        for _ in range(ASKS // 20):
            evaluate(tree, event, None)
        theirs.append((time.thread_time() - began) / (ASKS // 20) * 1e6)
    told = f"three fields that hold, median of {ROUNDS}; {_machine()}"
    return Figure("match", "three_fields", median(ours), "us_cpu", ASKS, told, "evaluate", round(median(theirs), 3))


def _field(path: str, operator: str, value: Any) -> dict[str, Any]:
    return {"type": "field", "version": 1, "config": {"path": path, "operator": operator, "value": value}}


def _machine() -> str:
    load: Sequence[float] = os.getloadavg()
    return f"{os.cpu_count()} cores, load {load[0]:.1f}"
