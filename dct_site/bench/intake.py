"""How many deliveries a second the door accepts, at what cost, and how long one waits while others are busy."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psycopg
from psycopg import sql

from dct_site.bench.figure import Figure
from dct_site.command.services import postgres_program, throwaway_postgres

ROOT = Path(__file__).resolve().parents[2]
FLIGHT = 256
ROUNDS = 3
DECIDING = "door_deciding"
COUNTS = {"door": 20_000, "bare": 20_000, "orm": 1_500, DECIDING: 20_000}
PACE = 200.0
PACED_COUNT = 1_000
Measured = Mapping[str, float]


def measure() -> Iterator[Figure]:
    """Every figure of `intake`; PostgreSQL only where its programs are installed."""
    with database("") as environment:
        told = f"{FLIGHT} in flight over ASGI, signed 6 kB bodies, SQLite synchronous=FULL"
        found = rounds(environment, ("door", "bare", "orm", DECIDING))
        yield from compared("sqlite", found["door"], found, ("bare", "orm"), told)
        decided = 1 - found[DECIDING]["undecided"] / found[DECIDING]["n"]
        beside_it = f"{told}, beside the engine's loop that decides, which had decided {decided:.0%} by the end"
        yield from compared("sqlite_deciding", found[DECIDING], found, ("bare",), beside_it)
        yield from waiting(environment)
    if postgres_program("initdb") is None:
        return
    with throwaway_postgres() as url, database(created(url)) as environment:
        told = f"{FLIGHT} in flight over ASGI, signed 6 kB bodies, PostgreSQL without fsync"
        found = rounds(environment, ("door", "bare"))
        yield from compared("postgres", found["door"], found, ("bare",), told)


def rounds(environment: Mapping[str, str], subjects: Sequence[str]) -> dict[str, Measured]:
    """Each subject as fast as it goes, in turn and again: the median of each of its numbers."""
    found: dict[str, list[Measured]] = {subject: [] for subject in subjects}
    for _ in range(ROUNDS):
        for subject in subjects:
            with beside(environment, "decide" if subject == DECIDING else ""):
                found[subject].append(child(environment, subject.removesuffix("_deciding"), COUNTS[subject]))
    return {subject: medians(runs) for subject, runs in found.items()}


def medians(runs: Sequence[Measured]) -> Measured:
    """The median of each number over some runs."""
    return {key: median(run[key] for run in runs) for key in runs[0]}


def compared(
    name: str, door: Measured, found: Mapping[str, Measured], baselines: Sequence[str], told: str
) -> Iterator[Figure]:
    """Rate, CPU and p99 of the door against each baseline."""
    where = f"{told}; {medians_of(load())}; ratio: door over baseline"
    for baseline in baselines:
        for key, unit in (("rate", "1/s"), ("us_cpu", "us_cpu"), ("p99_ms", "ms")):
            other = found[baseline][key]
            yield Figure("intake", name, door[key], unit, int(door["n"]), where, baseline, round(other, 3))


def waiting(environment: Mapping[str, str]) -> Iterator[Figure]:
    """The door's p99 alone, beside a busy engine and beside a CPU-bound program of an agent, in turn and again."""
    others = {
        "door_p99_alone": ("", ""),
        "door_p99_busy": ("engine", ", beside an engine that decides a backlog without a pause"),
        "door_p99_cpu": ("cpu", ", beside a CPU-bound program, as nice as those of agents are"),
    }
    found: dict[str, list[float]] = {figure: [] for figure in others}
    for _ in range(ROUNDS):
        for figure, (other, _) in others.items():
            with beside(environment, other):
                found[figure].append(child(environment, "door", PACED_COUNT, PACE)["p99_ms"])
    alone = median(found["door_p99_alone"])
    for figure, (other, words) in others.items():
        told = f"{PACE:.0f}/s, SQLite synchronous=FULL{words}; {medians_of(load())}"
        yield Figure(
            "intake",
            figure,
            median(found[figure]),
            "ms",
            PACED_COUNT,
            f"{told}; ratio: busy over alone" if other else told,
            "alone" if other else None,
            round(alone, 3) if other else None,
        )


def medians_of(load_average: float) -> str:
    """How the runs were done, in words."""
    return f"medians of {ROUNDS} interleaved runs, load average {load_average:.1f} of {os.cpu_count()} cores"


def load() -> float:
    """The machine's load over the last minute: what disturbs every figure of wall-clock time."""
    return os.getloadavg()[0]


def created(url: str) -> str:
    """Make the database that ``url`` names, on a server that has none yet."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return url


@contextmanager
def database(url: str) -> Iterator[dict[str, str]]:
    """The environment of a migrated, throw-away database: SQLite in a directory of its own, or the one at ``url``."""
    with tempfile.TemporaryDirectory(prefix="dct-bench-") as directory:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DCT_")},
            "DCT_DATA_DIR": directory,
            "DCT_DATABASE_URL": url or f"sqlite:///{directory}/dct.sqlite3",
        }
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        yield environment


def child(environment: Mapping[str, str], subject: str, count: int, rate: float = 0.0) -> Measured:
    """Run one subject in a process of its own."""
    words = [subject, str(FLIGHT if not rate else 4), str(count), str(rate)]
    argv = [sys.executable, "-m", "dct_site.bench.intake_child", *words]
    done = subprocess.run(argv, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


@contextmanager
def beside(environment: Mapping[str, str], what: str) -> Iterator[None]:
    """Keep a busy process (none for an empty name) running for the length of a block."""
    if not what:
        yield
        return
    with ExitStack() as stack:
        argv = [sys.executable, "-m", "dct_site.bench.intake_child", what]
        process = stack.enter_context(subprocess.Popen(argv, cwd=ROOT, env=environment))
        stack.callback(process.kill)
        yield
