"""How late schedules fire at 10,000 of them, spread over a minute and all at once, and what the clock costs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from dct_site.bench.figure import Figure
from dct_site.bench.intake import ROOT, database, load

SCHEDULES = 10_000
SECONDS = 30
EVERY_S = 60
Told = Mapping[str, float]


def measure() -> Iterator[Figure]:
    """The clock's own loop on SQLite, fsync on; nobody decides beside it."""
    with database("") as environment:
        asked(environment, "fill", str(SCHEDULES), str(EVERY_S))
        idle = asked(environment, "idle")
        spread = asked(environment, "spread", str(EVERY_S), str(SECONDS))
        burst = asked(environment, "burst")
    yield from figures(idle, spread, burst)


def figures(idle: Told, spread: Told, burst: Told) -> Iterator[Figure]:
    """What the passes told, as lines."""
    where = f"{SCHEDULES} schedules, SQLite synchronous=FULL, load average {load():.1f} of {os.cpu_count()} cores"
    told = f"from due to committed, each every {EVERY_S} s, spread over it, {SECONDS} s; {where}; ratio: over heap"
    for name in ("p50", "p99"):
        value, floor = spread[f"late_{name}_ms"], spread[f"heap_{name}_ms"]
        yield Figure("clock", f"late_{name}", value, "ms", int(spread["fired"]), told, "heap", floor)
    yield Figure("clock", "cpu", spread["us_cpu"], "us_cpu", int(spread["fired"]), f"of the clock, for a slot; {where}")
    yield Figure("clock", "cpu_share", spread["cpu_share"] * 100, "%", int(spread["fired"]), f"of one core; {where}")
    at_once = f"from due to committed, all in the same second; {where}"
    for name in ("p50", "p99"):
        yield Figure("clock", f"burst_{name}", burst[f"late_{name}_ms"], "ms", int(burst["fired"]), at_once)
    yield Figure(
        "clock",
        "burst_cpu",
        burst["us_cpu"],
        "us_cpu",
        int(burst["fired"]),
        f"of the clock, for a slot that was thought out ahead; {where}",
    )
    yield Figure(
        "clock", "idle", idle["due_us_cpu"], "us_cpu", int(idle["rounds"]),
        f"a look at the clock, nothing due; {where}; ratio: over a look at every schedule", "scan", idle["scan_us_cpu"],
    )  # fmt: skip


def asked(environment: Mapping[str, str], *words: str) -> Told:
    """What a pass of its own process tells."""
    argv = [sys.executable, "-m", "dct_site.bench.clock_child", *words]
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: Told = json.loads(done.stdout.splitlines()[-1])
    return found
