"""`./dct secrets rotate`: every stored secret under the newest key."""

import argparse
import os
import sys

SUMMARY = "Write stored secrets anew under the first of DCT_ENCRYPTION_KEYS."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["rotate"])
    parser.add_argument("--data", metavar="DIR", help="the data directory (default: DCT_DATA_DIR, else ./data)")


def main(args: argparse.Namespace) -> int:
    """0 where the other keys are needed no more; 1 where a secret's key is not there."""
    if args.data:
        os.environ["DCT_DATA_DIR"] = os.path.abspath(args.data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    import django  # noqa: PLC0415 - only now it is known where to look
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.db import DatabaseError  # noqa: PLC0415

    try:
        django.setup()
        from accounts.actor import Actor  # noqa: PLC0415
        from accounts.services.rotation import rotate_secrets  # noqa: PLC0415
        from dct_site.kernel.clock import utcnow  # noqa: PLC0415
        from dct_site.kernel.crypto import box  # noqa: PLC0415

        done = rotate_secrets(by=Actor.cli(), now=utcnow())
    except (ImproperlyConfigured, DatabaseError) as error:
        print(f"dct: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"{done.count} secrets were written anew; all that can be opened are under key {box().current} now.")
    if done.lost:
        print(
            f"dct: none of the keys opens the secrets of {', '.join(done.lost)}; add the key that does, "
            "or enter them anew.",
            file=sys.stderr,
        )
    return 1 if done.lost else 0
