"""`./dct backup`: database and files in one archive, while work runs."""

import argparse
import logging
import os
import sys
from datetime import datetime
from pathlib import Path

from dct_site.logs import configure

SUMMARY = "Write database and files into one archive, while work runs."
ROOT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="the archive to write, or a directory for it (default: here)"
    )
    parser.add_argument("--data", metavar="DIR", help="the data directory (default: DCT_DATA_DIR, else ./data)")


def main(args: argparse.Namespace) -> int:
    """0 and what is in it; 1 with one sentence on standard error."""
    os.environ["DCT_DATA_DIR"] = str(Path(args.data or os.environ.get("DCT_DATA_DIR") or ROOT / "data").absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    from dct_site.backup.troubles import CannotBackUp  # noqa: PLC0415 - only now it is known where to look
    from dct_site.kernel.clock import utcnow  # noqa: PLC0415

    try:
        return _back_up(args.file, utcnow())
    except CannotBackUp as trouble:
        print(f"\ndct: no backup was made: {trouble}", file=sys.stderr)
        return 1


def _back_up(wanted: Path | None, now: datetime) -> int:
    import django  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    from dct_site.backup.troubles import CannotBackUp, Progress  # noqa: PLC0415

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise CannotBackUp(str(error)) from None
    from django.conf import settings  # noqa: PLC0415

    configure(role="backup", as_json=settings.DCT_LOG_FORMAT == "json")
    logging.getLogger().setLevel(logging.WARNING)

    from dct_site.backup.making import back_up, file_name  # noqa: PLC0415
    from dct_site.backup.noting import note_backup  # noqa: PLC0415

    target = (wanted or Path()).absolute()
    if target.is_dir():
        target /= file_name(now)
    manifest, size = back_up(
        database=settings.DATABASES["default"], data=settings.DCT_DATA_DIR, target=target, now=now, progress=Progress()
    )
    note_backup(manifest, now=now)
    print(f"{target} ({size / 2**20:.1f} MB)")
    print("  " + ", ".join(f"{count} {words}" for words, count in manifest.facts.counts.items() if count))
    if manifest.left_out:
        print(f"  left out: {len(manifest.left_out)} files that are not a workspace's own ({manifest.left_out[0]}, …)")
    if manifest.facts.keys:
        print(f"  The key is not in it. Keep DCT_ENCRYPTION_KEYS with {', '.join(manifest.facts.keys)} apart from it.")
    return 0
