"""The whole way on an idle machine: delivery accepted → agent's process started → succeeded with the digest agent."""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from agents.runtimes.digest import PROGRAM, PYTHON
from dct_site.bench.figure import Figure
from dct_site.bench.installation import Installation, eventually, post, pull_request, signed

ROUNDS = 40
WARM_UP = 3
BARE = "bare"
STARTED = re.compile(r"^(\S+) .*\brun_started\b.*\brun=(\d+)")
LEGS = (
    "decide",  # accepted → its admission begins
    "admit",  # → its launch begins
    "launch",  # → workspace, context and agent are there
    "claim",  # → a supervisor has it
    "brief",  # → the last look before the go begins
    "go",  # → the program runs
)
"""The pieces of the way, each from the end of the one before it."""


@dataclass(frozen=True)
class Way:
    """One delivery's moments: accepted, the end of each leg (the last one: its program ran), succeeded."""

    accepted: datetime
    ends: tuple[datetime, ...]
    succeeded: datetime

    def legs_ms(self) -> list[float]:
        """How long each of LEGS took."""
        return [_ms(begin, end) for begin, end in pairwise((self.accepted, *self.ends))]

    @property
    def started_ms(self) -> float:
        return _ms(self.accepted, self.ends[-1])

    @property
    def succeeded_ms(self) -> float:
        return _ms(self.accepted, self.succeeded)


def measure() -> Iterator[Figure]:
    """Figures in ms; the baseline is a bare ``Popen`` of the same digest program on prepared context."""
    with Installation("--demo") as dct:
        ways = [_one(dct, number) for number in range(ROUNDS + WARM_UP)][WARM_UP:]
        ready_s = dct.ready_s
        dct.stop()
        dct.start()
        again_s = dct.ready_s
    started, finished = [way.started_ms for way in ways], [way.succeeded_ms for way in ways]
    spawned, ran = _bare()
    load = f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"
    conditions = f"embedded, SQLite FULL, with clone and sandbox, one at a time, {load}; a ratio below 1 is better"
    yield _figure("started_p50", median(started), conditions, spawned)
    yield _figure("started_p99", quantiles(started, n=100)[98], conditions, spawned)
    yield _figure("succeeded_p50", median(finished), conditions, ran)
    yield _figure("succeeded_p99", quantiles(finished, n=100)[98], conditions, ran)
    for name, took in zip(LEGS, zip(*(way.legs_ms() for way in ways), strict=True), strict=True):
        yield Figure("path", f"leg_{name}_p50", median(took), "ms", ROUNDS, conditions)
    yield Figure("path", "ready_first", ready_s, "s", 1, "./dct run --demo on an empty data directory")
    yield Figure("path", "ready_again", again_s, "s", 1, "./dct run --demo the second time")


def _figure(name: str, value: float, conditions: str, baseline: float) -> Figure:
    return Figure("path", name, value, "ms", ROUNDS, conditions, BARE, baseline)


def _ms(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds() * 1000


def _one(dct: Installation, number: int) -> Way:
    """Send one delivery and wait for its success; its moments by the rows, and of its program by the engine's log."""
    demo = dct.info["demo"]
    body = pull_request(1000 + number)
    status, told = post(demo["github_webhook_url"], body, signed(demo["github_webhook_secret"], body))
    if status != 202:
        raise RuntimeError(f"the door answered {status}")
    database = dct.data / "dct.sqlite3"
    run, *row = eventually(lambda: _moments(database, told["delivery"]), within_s=60, every_s=0.1)
    accepted, *ends, succeeded = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in row)
    return Way(accepted, (*ends, started_at(dct.log(), run)), succeeded)


def started_at(log: str, run: int) -> datetime:
    """When the program of a run ran, by the engine's log. Raises LookupError."""
    for line in reversed(log.splitlines()):
        found = STARTED.match(line)
        if found and int(found[2]) == run:
            return datetime.fromisoformat(found[1])
    raise LookupError(f"the log does not tell when run {run} started")


def _moments(database: Path, delivery: int) -> tuple[Any, ...] | None:
    """(run's id, accepted, end of each leg but the last, succeeded) once it has succeeded."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        found: tuple[Any, ...] | None = connection.execute(
            """
            SELECT r.id, d.received_at, s.admitted_at, clone.started_at, work.started_at, r.started_at, j.at, x.ended_at
            FROM triggers_delivery d
            JOIN triggers_event e ON e.delivery_id = d.id
            JOIN triggers_execution x ON x.event_id = e.id AND x.status = 'succeeded'
            JOIN agents_startrequest s ON s.id = x.start_id
            JOIN triggers_executionstep clone ON clone.execution_id = x.id AND clone.name = 'clone'
            JOIN triggers_executionstep work ON work.execution_id = x.id AND work.name = 'work'
            JOIN agents_agent a ON a.workspace_id = x.workspace_id
            JOIN agents_agentrun r ON r.agent_id = a.id
            JOIN accounts_journalentry j ON j.kind = 'run' AND j.object_id = r.id AND j."to" = 'running'
            WHERE d.id = ?
            """,
            (delivery,),
        ).fetchone()
    finally:
        connection.close()
    return found


def _bare() -> tuple[float, float]:
    """(spawned, ended) in ms: the medians of starting the same program by hand."""
    spawned, ran = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as place:
            for folder in ("context", "feedback", "work"):
                (Path(place) / folder).mkdir()
            begun = time.perf_counter()
            process = subprocess.Popen([str(PYTHON), "-S", "-I", str(PROGRAM), place], stdout=subprocess.DEVNULL)
            spawned.append((time.perf_counter() - begun) * 1000)
            process.wait()
            ran.append((time.perf_counter() - begun) * 1000)
    return median(spawned), median(ran)


if __name__ == "__main__":
    for figure in measure():
        sys.stdout.write(figure.line() + "\n")
