"""`./dct chaos`: breaks a demo of its own for a while, and holds what is left to what its clients were told."""

import argparse
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

import dj_database_url

from dct_site.backup import postgres
from dct_site.backup.troubles import CannotRestore
from dct_site.chaos import history
from dct_site.chaos.generator import Generator
from dct_site.chaos.nemesis import Nemesis
from dct_site.chaos.place import Place
from dct_site.chaos.points import POINTS
from dct_site.kernel.clock import STEPPED_BY
from dct_site.kernel.crashpoints import TRAP

SUMMARY = "Break a demo of its own (kill -9, SIGSTOP, clock steps, lost wake-ups), then check that every promise held."

MOST_WRONG = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things break (default: 60)")
    parser.add_argument("--seed", type=int, help="repeat what another run did (default: a new one, which is told)")
    parser.add_argument("--database", default="", metavar="URL", help="a PostgreSQL database for it alone, empty")
    parser.add_argument("--broker", default="", metavar="URL", help="a Redis for it alone: runs the roles, empties it")
    parser.add_argument("--within", type=float, default=180.0, help="seconds to come to rest afterwards (default: 180)")


def main(args: argparse.Namespace) -> int:
    """Print what is done and a line a check; the last line says how many passed and failed. 1 where one failed."""
    if args.broker and not args.database:
        print("dct: --broker needs --database: roles share a database and a broker.")
        return 1
    if args.database and (trouble := _trouble_with(args.database)):
        print(f"dct: {trouble}")
        return 1
    seed = args.seed if args.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}", flush=True)
    # Who is told to end takes its demo along.
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        found = _tried(args, seed)
    finally:
        signal.signal(signal.SIGTERM, before)
    failed = sum(bool(wrong) for _, wrong in found)
    for check, wrong in found:
        print(f"{'FAIL' if wrong else 'ok  '}  {check}")
        for sentence in wrong[:MOST_WRONG]:
            print(f"      {sentence}")
    print(f"{len(found) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _trouble_with(database: str) -> str:
    """Why a demo cannot have this database for itself; empty where it can."""
    try:
        is_empty = postgres.is_empty(dj_database_url.parse(database))
    except CannotRestore as unreachable:
        return f"{str(unreachable).partition(';')[0]}; look at --database."
    return (
        "" if is_empty else "the database of --database is not empty, and holds what an earlier run left: use another."
    )


def _tried(args: argparse.Namespace, seed: int) -> list[tuple[str, list[str]]]:
    """Each check in words, and what is wrong by it."""
    with tempfile.TemporaryDirectory(prefix="dct-chaos-", ignore_cleanup_errors=True) as directory:
        place = Place(Path(directory) / "data", args.database, args.broker)
        try:
            place.start_all()
            place.employ()
            told = _storm(place, seed, args.seconds)
            return _check(place, told, Path(directory) / "history", args.within)
        finally:
            place.cut_the_power()


def _storm(place: Place, seed: int, seconds: float) -> list[history.Told]:
    """Send and break; everything that was answered."""
    began = time.monotonic()
    generator = Generator(seed, lambda: place.info)
    nemesis = Nemesis(
        seed,
        place.parents,
        place.data,
        trap=Path(place.environment[TRAP]),
        clock=Path(place.environment[STEPPED_BY]),
        broker=place.broker,
        say=lambda deed: print(f"{time.monotonic() - began:6.1f} s  {deed}", flush=True),
    )
    generator.start()
    deeds = nemesis.rage(seconds)
    told = generator.stop()
    taken = sum(one.is_acknowledged for one in told)
    print(
        f"{deeds} deeds; {len(nemesis.sprung)} died at {len(set(nemesis.sprung))} of {len(POINTS)} named places; "
        f"{len(told)} requests sent, {sum(one.is_answered for one in told)} answered, {taken} of them taken",
        flush=True,
    )
    return told


def _check(place: Place, told: list[history.Told], path: Path, within: float) -> list[tuple[str, list[str]]]:
    """At last the power goes, and comes back: nobody is left who could remember anything."""
    place.cut_the_power()
    place.ask("age")
    place.start_all()
    history.write(path, told)
    return [(one["check"], one["wrong"]) for one in place.ask(str(path), str(within))]
