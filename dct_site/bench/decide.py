"""How many events a second are decided with the door open, and how soon what an event fires is queued."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from dct_site.bench.decide_world import pull_requests
from dct_site.bench.figure import Figure
from dct_site.bench.intake import ROOT, Measured, database, line_of, load, medians, medians_of
from dct_site.bench.intake_load import drive

TRIGGERS = 100_000
ROUNDS = 3
RATE, COUNT = 500.0, 5_000
MANY = 12_000
ONE_IN = 10
"""Of those that come as fast as they are taken, one in so many fires; at ``RATE`` every one does."""
CONNECTIONS = 16


def measure() -> Iterator[Figure]:
    """How long from accepted to queued at a steady rate, then how many are decided while the door takes what it can."""
    with database("") as environment:
        path = _asked(environment, "fill", str(TRIGGERS))["path"]
        steady = [_run(environment, path, COUNT, RATE, 1) for _ in range(ROUNDS)]
        flooded = [_run(environment, path, MANY, 0.0, ONE_IN) for _ in range(ROUNDS)]
    yield from figures(medians(steady), medians(flooded))


def figures(steady: Measured, flooded: Measured) -> Iterator[Figure]:
    """Medians of the rounds as lines."""
    told = f"{TRIGGERS} triggers, signed pull requests of 6 kB, SQLite synchronous=FULL, {medians_of(load())}"
    queued = f"accepted to queued, {RATE:.0f} events/s, each fires one trigger; {told}"
    yield Figure("decide", "queued_p50", steady["queued_p50_ms"], "ms", int(steady["queued"]), queued)
    yield Figure("decide", "queued_p99", steady["queued_p99_ms"], "ms", int(steady["queued"]), queued)
    many = f"from the first to the last, one in {ONE_IN} fires, the door wide open; {told}; ratio: over door"
    yield Figure(
        "decide", "decided", flooded["decided_rate"], "1/s", int(flooded["decided"]), many, "door", flooded["rate"]
    )
    alone = f"of the process that decides, one in {ONE_IN} fires; {told}"
    yield Figure("decide", "decided_cpu", flooded["decided_us_cpu"], "us_cpu", int(flooded["decided"]), alone)


def _run(environment: Mapping[str, str], path: str, count: int, rate: float, one_in: int) -> Measured:
    """The door and the decider, each in a process of its own; what the sender and the decider saw."""
    with ExitStack() as stack:
        door = stack.enter_context(_child(environment, "dct_site.bench.intake_child", "door"))
        decider = stack.enter_context(_child(environment, "dct_site.bench.decide_child", "decide"))
        stack.callback(door.kill)
        stack.callback(decider.kill)
        where = json.loads(line_of(door)) | {"path": path, "pid": door.pid, "connections": CONNECTIONS}
        json.loads(line_of(decider))
        drive(count=CONNECTIONS * 4, requests=pull_requests(path, 0, TRIGGERS), **where)
        told = drive(count=count, rate=rate, requests=pull_requests(path, one_in, TRIGGERS), **where)
        if decider.stdin is not None:
            decider.stdin.write(f"{count}\n")
            decider.stdin.flush()
        return {**told, **json.loads(line_of(decider))}


def _asked(environment: Mapping[str, str], *words: str) -> dict[str, str]:
    argv = [sys.executable, "-m", "dct_site.bench.decide_child", *words]
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _child(environment: Mapping[str, str], module: str, *words: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", module, *words]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
