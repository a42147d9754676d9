"""`./dct test`: the tests, on whatever this machine can serve; with --all, on everything, twice, with coverage.

One pass runs on SQLite; another on PostgreSQL and Redis, where tests that show nothing of it (`one_pass`) sit out. To
trace a line costs about as much as to run it, so the first is measured, but for its walks over everything
(`unmeasured`), and of the second a short one more with what runs other code there (`two_ways`).
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from dct_site.command import coverage_gate
from dct_site.command.services import (
    ROOT,
    ServiceFailed,
    install,
    missing_services,
    throwaway_postgres,
    throwaway_redis,
)

SUMMARY = "run the tests; --all also installs and starts what they need, and fails if any is left out"
PASSES_THROUGH = True
NOTHING_COLLECTED = 5
STOP_SECONDS = 15
# One more than the cores that a small machine has: tests wait for browsers, servers and processes that they started.
WORKERS = 3
# Left out even with --all where the samples are not beside the checkout: they are too large to be part of it.
MAY_BE_LEFT_OUT = frozenset({"shared_data"})


def run_to_the_end(argv: list[str], environment: dict[str, str]) -> int:
    """Run pytest and return its exit code; when this process is told to stop, stop pytest and its workers first."""
    # A shell's background job ignores SIGINT, and so would pytest, which is stopped by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(argv, cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)  # on which it ends its workers and takes its databases down
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
            process.kill()
            raise


def cpu_of_children() -> float:
    """The CPU time of all children that have ended, and of theirs, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stop(number: int, _frame: object) -> None:
    """Leave through every `with` and `finally`, so that no server and no half of a suite stays behind."""
    sys.exit(128 + number)


@dataclass
class Pass:
    """One run of pytest: its title, the environment it adds, and afterwards what its report file says."""

    title: str
    environment: dict[str, str]
    arguments: list[str] = field(default_factory=list)
    code: int = 0
    summary: str = "did not finish"
    ran: set[str] = field(default_factory=set)
    left_out: dict[str, tuple[str, str]] = field(default_factory=dict)

    def run(self, report: Path) -> None:
        """Run pytest on WORKERS processes; read back which tests ran, which were left out and pytest's own summary."""
        argv = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "worksteal", *self.arguments]
        own = {"DCT_TEST_REPORT": str(report), "DCT_TEST_ROOT": str(report.with_suffix(""))}
        environment = {**os.environ, **self.environment, **own}
        # Compiled once, not by each worker and by every process that a test starts.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        print(f"── {self.title} ──", flush=True)
        began, used = time.monotonic(), cpu_of_children()
        self.code = run_to_the_end(argv, environment)
        spent = f"{time.monotonic() - began:.0f} s, {cpu_of_children() - used:.0f} s of CPU"
        if report.exists():
            told = json.loads(report.read_text())
            self.summary, self.ran = f"{told['summary']} ({spent})", set(told["ran"])
            self.left_out = {test: (kind, reason) for test, kind, reason in told["left_out"]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --all and an own --help; everything else goes to pytest."""
    parser.add_argument("-h", "--help", action="help", help="show this and exit; ./dct test -- --help shows pytest's")
    parser.add_argument(
        "--all", action="store_true", help="every test, on SQLite and on PostgreSQL + Redis, with coverage"
    )
    parser.usage = "./dct test [--all] [PYTEST ARGUMENTS]"


def scaled_environment(stack: ExitStack) -> dict[str, str]:
    """Start PostgreSQL and Redis (or take the given ones) until `stack` closes; return the variables that name them."""
    database = os.environ.get("DCT_TEST_DATABASE_URL") or stack.enter_context(throwaway_postgres())
    redis = os.environ.get("DCT_TEST_REDIS_URL") or stack.enter_context(throwaway_redis())
    return {
        "DCT_TEST_DATABASE_URL": database,
        "DCT_TEST_REDIS_URL": redis,
        "DCT_BROKER_URL": f"{redis}/14",
        "DCT_CHANNEL_URL": f"{redis}/15",
    }


def files_marked(marker: str) -> list[str]:
    """Return the files with tests of this marker: to collect all others takes longer than to run these."""
    found = (ROOT / "tests").rglob("test_*.py")
    return sorted(str(path) for path in found if f"mark.{marker}" in path.read_text())


def passes_for(*, everything: bool, rest: list[str], stack: ExitStack) -> list[Pass]:
    """Return the passes to run: all of both, or SQLite plus what only PostgreSQL can show, or the one asked for."""
    missing = {service.name for service in missing_services()}
    scaled = {} if missing & {"postgres", "redis"} else scaled_environment(stack)
    redis_alone = {"DCT_TEST_REDIS_URL": scaled["DCT_TEST_REDIS_URL"]} if scaled else {}
    if everything:
        cover = ["--cov", "--cov-report="]
        return [
            Pass("SQLite", {**redis_alone, "DCT_TEST_DATABASE_URL": "", "DCT_TEST_SLOW": "1"}, [*cover, *rest]),
            Pass("PostgreSQL + Redis", {**scaled, "DCT_TEST_SLOW": "1"}, rest),
            Pass(
                "PostgreSQL, measured",
                {**scaled, "DCT_TEST_ONLY": "two_ways"},
                [*cover, "--cov-append", *(rest or files_marked("two_ways"))],
            ),
        ]
    if rest:
        return [Pass("SQLite", redis_alone, rest)]
    sqlite = Pass("SQLite", {**redis_alone, "DCT_TEST_DATABASE_URL": ""})
    return [sqlite, Pass("PostgreSQL + Redis", {**scaled, "DCT_TEST_ONLY": "postgres"})] if scaled else [sqlite]


def left_out_of(passes: list[Pass]) -> Counter[tuple[str, str]]:
    """Return how many tests ran in no pass, by (kind, reason)."""
    ran = set[str]().union(*(each.ran for each in passes))
    left = {test: why for each in passes for test, why in each.left_out.items() if test not in ran}
    return Counter(left.values())


def report(passes: list[Pass], *, everything: bool, failed: list[str]) -> int:
    """Print what was left out and why, what failed, and last pytest's own summaries; return the exit code."""
    left = left_out_of(passes)
    if left:
        print("\nLeft out:")
        for (kind, reason), count in sorted(left.items()):
            print(f"  {count:>4} × {kind}: {reason}")
    if everything and any(kind not in MAY_BE_LEFT_OUT for kind, _ in left):
        failed.append("--all may leave nothing out")
    failed += [
        f"{each.title}: pytest ended with {each.code}" for each in passes if each.code not in {0, NOTHING_COLLECTED}
    ]
    if all(each.code == NOTHING_COLLECTED for each in passes):
        failed.append("no test was found")
    for sentence in failed:
        print(f"FAILED: {sentence}")
    print(f"\n{'FAILED' if failed else 'OK'}: " + " · ".join(f"{each.title}: {each.summary}" for each in passes))
    return 1 if failed else 0


def main(args: argparse.Namespace) -> int:
    """Run the passes; 0 when everything passed (and, with --all, nothing was left out and the coverage is there)."""
    signal.signal(signal.SIGTERM, stop)
    rest = [word for word in args.rest if word != "--"]
    failed: list[str] = []
    try:
        if args.all:
            install(missing_services())
        with ExitStack() as stack:
            reports = Path(stack.enter_context(TemporaryDirectory(prefix="dct-test-", ignore_cleanup_errors=True)))
            passes = passes_for(everything=args.all, rest=rest, stack=stack)
            if args.all:
                coverage_gate.erase()
            for number, each in enumerate(passes):
                each.run(reports / f"{number}.json")
    except ServiceFailed as problem:
        print(f"dct test: {problem}", file=sys.stderr)
        return 1
    if args.all and not rest:
        failed += coverage_gate.offenders()
    return report(passes, everything=args.all, failed=failed)
