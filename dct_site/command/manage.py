"""`./dct manage`: Django's own command line, in the environment that `./dct` made."""

import argparse
import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

SUMMARY = "Django's management commands (migrate, createsuperuser, shell, …)"
PASSES_THROUGH = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: every word goes to Django."""


def main(args: argparse.Namespace) -> int:
    """Run the management command; Django itself exits with an error code when it fails. 1 where the settings cannot
    work.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    try:
        settings.DCT_ENV  # noqa: B018 - read the settings here: Django tells what is wrong with them as a traceback
    except ImproperlyConfigured as error:
        print(f"dct: {error}", file=sys.stderr)
        return 1
    execute_from_command_line(["./dct manage", *args.rest])
    return 0
