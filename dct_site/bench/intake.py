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
from dct_site.bench.intake_load import drive
from dct_site.command.services import postgres_program, throwaway_postgres

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 32
ROUNDS = 3
DECIDING = "door_deciding"
COUNTS = {"door": 10_000, "bare": 10_000, "orm": 600, DECIDING: 10_000}
ALONE_COUNT = 500
PACE = 200.0
PACED_COUNT = 1_000
Measured = Mapping[str, float]


def measure() -> Iterator[Figure]:
    """Every figure of `intake`; PostgreSQL only where its programs are installed."""
    with database("") as environment:
        told = f"{CONNECTIONS} connections, the web process's own server, signed 6 kB pushes, SQLite synchronous=FULL"
        found = rounds(environment, ("door", "bare", "orm", DECIDING))
        yield from compared("sqlite", found["door"], found, ("bare", "orm"), told)
        decided = 1 - found[DECIDING]["undecided"] / found[DECIDING]["n"]
        beside_it = f"{told}, beside the engine's loop that decides, which had decided {decided:.0%} by the end"
        yield from compared("sqlite_deciding", found[DECIDING], found, ("bare",), beside_it)
        yield one_at_a_time(environment)
        yield from waiting(environment)
    if postgres_program("initdb") is None:
        return
    with throwaway_postgres() as url, database(created(url)) as environment:
        told = f"{CONNECTIONS} connections, the web process's own server, signed 6 kB pushes, PostgreSQL without fsync"
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


def one_at_a_time(environment: Mapping[str, str]) -> Figure:
    """How long one delivery waits on one connection, with nobody beside it."""
    found: dict[str, list[float]] = {"door": [], "bare": []}
    for _ in range(ROUNDS):
        for subject, waited in found.items():
            waited.append(child(environment, subject, ALONE_COUNT, connections=1)["p50_ms"])
    told = f"one connection, SQLite synchronous=FULL; {medians_of(load())}; ratio: door over baseline"
    value, floor = (median(found[subject]) for subject in ("door", "bare"))
    return Figure("intake", "door_p50_one", value, "ms", ALONE_COUNT, told, "bare", round(floor, 3))


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


def child(
    environment: Mapping[str, str], subject: str, count: int, rate: float = 0.0, connections: int = CONNECTIONS
) -> Measured:
    """Serve one subject in a process of its own and send it so many pushes, after a tenth of them to warm up."""
    argv = [sys.executable, "-m", "dct_site.bench.intake_child", subject]
    with subprocess.Popen(
        argv, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        where = json.loads(line_of(process)) | {"pid": process.pid, "connections": connections}
        drive(count=max(count // 10, 2 * connections), **where)
        measured = drive(count=count, rate=rate, **where)
        if process.stdin is not None:
            process.stdin.close()
        return {**measured, **json.loads(line_of(process))}


def line_of(process: "subprocess.Popen[str]") -> str:
    """What a process says next. Raises RuntimeError where it has ended."""
    said = process.stdout.readline() if process.stdout is not None else ""
    if not said:
        raise RuntimeError(f"{process.args!r} ended")
    return said


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
