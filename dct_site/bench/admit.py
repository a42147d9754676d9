"""How many starts a second are admitted, beside a plain claim of rows with SKIP LOCKED."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

from dct_site.bench.figure import Figure
from dct_site.bench.intake import ROOT, created, database, line_of, load, medians_of
from dct_site.command.services import postgres_program, throwaway_postgres

ROUNDS = 3
STARTS = 1_000
TRIGGERS = 20
KEY_LIMIT = 52
"""The triggers may hold 40 more than the pools: some are at their limit before the pools are full."""
PLAIN = "plain_claim"


@dataclass(frozen=True)
class Subject:
    """What takes (``admit`` or ``claim``), how many at once, in how many processes."""

    what: str
    batch: int
    workers: int


def measure() -> Iterator[Figure]:
    """SQLite with one worker; PostgreSQL with 1, 2 and 4 where its programs are installed."""
    with database("") as environment:
        told = "SQLite synchronous=FULL, one worker in tens; baseline: the same claim without locks"
        yield from figures(environment, {"sqlite_batch10": (Subject("admit", 10, 1), Subject("claim", 10, 1))}, told)
    if postgres_program("initdb") is None:
        return
    with throwaway_postgres() as url, database(created(url)) as environment:
        wanted = {
            f"batch{batch}_workers{workers}": (Subject("admit", batch, workers), Subject("claim", 10, workers))
            for batch, workers in ((50, 1), (50, 2), (50, 4), (10, 1), (10, 4))
        }
        yield from figures(environment, wanted, "PostgreSQL without fsync; baseline in tens, with as many workers")


def figures(
    environment: Mapping[str, str], wanted: Mapping[str, tuple[Subject, Subject]], told: str
) -> Iterator[Figure]:
    """Each figure: the median of the rounds, its baseline measured in the same rounds."""
    found: dict[Subject, list[float]] = {}
    for _ in range(ROUNDS):
        for subject in dict.fromkeys(subject for pair in wanted.values() for subject in pair):
            found.setdefault(subject, []).append(rate(environment, subject))
    where = (
        f"{STARTS} starts until the pools are full, priorities, a reserved share, {TRIGGERS} triggers with a limit"
        f" each, a handler that does nothing; {told}; {medians_of(load())}; ratio: admission over the claim"
    )
    for name, (admission, plain) in wanted.items():
        value, floor = median(found[admission]), median(found[plain])
        yield Figure("admit", name, value, "1/s", STARTS, where, PLAIN, round(floor, 1))


def rate(environment: Mapping[str, str], subject: Subject) -> float:
    """Starts a second by all workers together, from the word to the end of the last. Checks what it measured."""
    _asked(environment, "fill", STARTS, TRIGGERS, KEY_LIMIT)
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(environment, subject)) for _ in range(subject.workers)]
        for worker in workers:
            stack.callback(worker.kill)
            line_of(worker)
        began = time.perf_counter()
        for worker in workers:
            if worker.stdin is not None:
                worker.stdin.write("go\n")
                worker.stdin.flush()
        taken: int = sum(json.loads(line_of(worker))["taken"] for worker in workers)
        took = time.perf_counter() - began
    if taken != STARTS:
        raise RuntimeError(f"{taken} were taken, not {STARTS}")
    if subject.what == "admit":
        held = json.loads(_asked(environment, "count"))
        if held["held"] != STARTS or held["most_of_a_key"] > KEY_LIMIT:
            raise RuntimeError(f"a limit does not hold: {held}")
    return taken / took


def _asked(environment: Mapping[str, str], *words: object) -> str:
    argv = [sys.executable, "-m", "dct_site.bench.admit_child", *map(str, words)]
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _worker(environment: Mapping[str, str], subject: Subject) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "dct_site.bench.admit_child", subject.what, str(subject.batch)]
    return subprocess.Popen(argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
