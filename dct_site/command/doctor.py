"""`./dct doctor`: what is configured, reachable, missing or insecure."""

import argparse
import os
import sys
from collections.abc import Iterable

SUMMARY = "Say what is configured, reachable, missing or insecure."
MARKS = {"ok": "  ok  ", "warn": " warn ", "fail": " FAIL "}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", help="the data directory to look at (default: DCT_DATA_DIR, else ./data)"
    )
    parser.add_argument(
        "--invariants", action="store_true", help="ask the database instead whether what must always be so is so"
    )


def main(args: argparse.Namespace) -> int:
    """Print a line per finding; 1 when DCT could not run like this, or an invariant does not hold."""
    if args.data:
        os.environ["DCT_DATA_DIR"] = os.path.abspath(args.data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    import django  # noqa: PLC0415 - only now it is known where to look
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        django.setup()
    except (ImproperlyConfigured, OSError) as error:
        print(f"{MARKS['fail']}  Settings: {error}")
        return 1
    from dct_site.diagnosis import invariants, machine, services  # noqa: PLC0415
    from dct_site.diagnosis.findings import Finding, Look, Standing  # noqa: PLC0415

    healthy: tuple[Look, ...] = (
        machine.look_at_python,
        services.look_at_settings,
        machine.look_at_data_directory,
        machine.look_at_file_system,
        machine.look_at_sandbox,
        services.look_at_database,
        services.look_at_broker,
        services.look_at_channel_layer,
    )
    looks = (invariants.look_at_invariants,) if args.invariants else healthy
    findings: Iterable[Finding] = [finding for look in looks for finding in look()]
    for finding in findings:
        print(f"{MARKS[finding.standing]}  {finding.what}: {finding.detail}")
    failures = sum(finding.standing == Standing.FAIL for finding in findings)
    if failures:
        told = "of what must always be so is not." if args.invariants else "to mend before DCT can run."
        print(f"\n{failures} {told}", file=sys.stderr)
    return 1 if failures else 0
