"""`./dct manage`: Django's own command line, in the environment that `./dct` made."""

import argparse
import os

from django.core.management import execute_from_command_line

SUMMARY = "Django's management commands (migrate, createsuperuser, shell, …)"
PASSES_THROUGH = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: every word goes to Django."""


def main(args: argparse.Namespace) -> int:
    """Run the management command; Django itself exits with an error code when it fails."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    execute_from_command_line(["./dct manage", *args.rest])
    return 0
