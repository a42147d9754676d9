"""`./dct restore`: puts a backup in place, paused, and says what a person should know before work goes on."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dct_site.command.run import CannotRun, lock_data
from dct_site.logs import configure

if TYPE_CHECKING:
    from dct_site.backup.manifest import Manifest
    from dct_site.backup.rest import Report

SUMMARY = "Put a backup in place, paused; refuses a place that is not empty."
ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive of ./dct backup")
    parser.add_argument("--data", metavar="DIR", help="the data directory (default: DCT_DATA_DIR, else ./data)")
    parser.add_argument(
        "--force", action="store_true", help="replace what is there; files (and SQLite's) are put aside, not deleted"
    )
    parser.add_argument(
        "--resume", action="store_true", help="do not pause: what waits starts as soon as DCT runs, perhaps twice"
    )


def main(args: argparse.Namespace) -> int:
    """0 and a report; 1 with one sentence on standard error."""
    os.environ["DCT_DATA_DIR"] = str(Path(args.data or os.environ.get("DCT_DATA_DIR") or ROOT / "data").absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    from dct_site.backup.troubles import CannotRestore  # noqa: PLC0415 - only now it is known where to look

    try:
        return _restore(args)
    except (CannotRun, CannotRestore) as trouble:
        print(f"\ndct: not restored: {trouble}", file=sys.stderr)
        return 1


def _restore(args: argparse.Namespace) -> int:
    import django  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    from dct_site.backup.troubles import CannotRestore, Progress  # noqa: PLC0415

    lock = lock_data(Path(os.environ["DCT_DATA_DIR"]))
    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise CannotRestore(str(error)) from None
    from django.conf import settings  # noqa: PLC0415

    configure(role="restore", as_json=settings.DCT_LOG_FORMAT == "json")
    logging.getLogger().setLevel(logging.WARNING)
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    from dct_site.backup import restoring  # noqa: PLC0415
    from dct_site.backup.rest import lay_to_rest  # noqa: PLC0415
    from dct_site.kernel.clock import utcnow  # noqa: PLC0415

    # One connection at a time needs no pool, and one that was opened before the database was replaced none of it.
    settings.DATABASES["default"]["OPTIONS"].pop("pool", None)
    progress, now = Progress(), utcnow()
    target = restoring.Target(settings.DATABASES["default"], settings.DCT_DATA_DIR)
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    manifest = restoring.look_at(args.file.absolute(), target, known=known, is_forced=args.force, progress=progress)
    aside = restoring.put_in_place(args.file.absolute(), target, manifest, now=now, progress=progress)
    report = lay_to_rest(manifest, is_paused=not args.resume, progress=progress)
    restoring.finished(target.data)
    lock.close()
    _tell(manifest, report, aside, is_paused=not args.resume)
    return 0


def _tell(manifest: "Manifest", report: "Report", aside: Path, *, is_paused: bool) -> None:
    counts = ", ".join(f"{count} {words}" for words, count in manifest.facts.counts.items() if count)
    print(f"Restored what was there at {manifest.made_at}: {counts or 'nothing'}.")
    print(f"  {report.ended_runs} runs and leases of then were ended; {report.waiting} starts wait.")
    if report.undecided:
        print(f"  {report.undecided} deliveries are still to be decided; the engine goes on with them.")
    if aside.exists():
        print(f"  What was there before lies in {aside}.")
    if manifest.left_out:
        print(f"  Not in the backup: {len(manifest.left_out)} files that were not a workspace's own.")
    if manifest.facts.keys:
        print(f"  Its secrets need the keys {', '.join(manifest.facts.keys)} in DCT_ENCRYPTION_KEYS.")
    for text in report.lost_keys:
        print(f"  Warning: {text}")
    for text in report.broken:
        print(f"  Warning: {text}")
    if is_paused:
        print("  Everything is paused. Start DCT, look at what waits (it may have run after the backup), then resume.")
