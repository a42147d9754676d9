"""Brings a data directory up to date: database, first superuser, periodic tick, demo. Prints what the parent needs as
JSON.
"""

import argparse
import json
import os
import sys
from typing import Any

import django
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from dct_site.diagnosis.findings import Standing
from dct_site.kernel.clock import utcnow
from dct_site.kernel.crypto import WrongKey
from dct_site.logs import configure

log = structlog.get_logger(__name__)
PATIENCE_S = 5
OLDEST_POSTGRES = 150_000
SAID_WHY = 3
"""The exit code after a sentence on standard error."""


class Silent(Exception):
    """Something that DCT needs to start does not answer; the message says what, and where to look."""


def main(argv: list[str]) -> int:
    """0 and one line of JSON on standard output, or SAID_WHY and a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="dct_site.prepare")
    parser.add_argument("--url", default="")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--token", action="store_true")
    parser.add_argument("--again", action="store_true", help="under the settings of last time: go on without a broker")
    args = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    try:
        silent = _bring_up_to_date(is_known=args.again)
    except (ImproperlyConfigured, Silent) as error:
        return _say(str(error))
    except OSError as error:
        return _say(f"{settings.DCT_DATA_DIR} cannot be written ({error.strerror}); name another one in DCT_DATA_DIR.")
    except DatabaseError as error:
        return _say(f"the database does not answer ({_first_line(error)}); look at DCT_DATABASE_URL and its disk.")
    from dct_site.first_steps import take, warnings  # noqa: PLC0415 - models are there only now

    try:
        told: dict[str, Any] = take(url=args.url, demo=args.demo, with_token=args.token, now=utcnow())
    except WrongKey as error:
        return _say(f"the demo cannot be shown. {error}")
    told["warnings"] = [*warnings(), *silent]
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _bring_up_to_date(*, is_known: bool) -> list[str]:
    """Set up, ask broker and channel layer, apply migrations; what does not answer although these settings worked
    before. Raises ImproperlyConfigured, Silent, OSError and DatabaseError.
    """
    django.setup()
    configure(role="prepare", as_json=settings.DCT_LOG_FORMAT == "json")
    from dct_site.diagnosis import services  # noqa: PLC0415 - models are there only now

    looks = (services.look_at_broker, services.look_at_channel_layer)
    silent = [found.detail for look in looks for found in look() if found.standing == Standing.FAIL]
    if silent and not is_known:
        raise Silent(silent[0])
    # One connection at a time needs no pool, and a pool hides why it got none for ten seconds.
    options = settings.DATABASES["default"]["OPTIONS"]
    options.pop("pool", None)
    if connection.vendor == "postgresql":
        options.setdefault("connect_timeout", PATIENCE_S)
    _refuse_an_old_server(getattr(connection, "pg_version", OLDEST_POSTGRES))
    _migrate()
    return silent


def _refuse_an_old_server(version: int) -> None:
    """``version`` in PostgreSQL's own numbering: 150004 is 15.4."""
    if version < OLDEST_POSTGRES:
        raise ImproperlyConfigured(
            f"the PostgreSQL of DCT_DATABASE_URL is of version {version // 10_000}; "
            f"DCT needs {OLDEST_POSTGRES // 10_000} or newer."
        )


def _say(sentence: str) -> int:
    sys.stderr.write(f"dct: {sentence}\n")
    return SAID_WHY


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["unknown error"])[0]


def _migrate() -> None:
    """Apply what is missing; with nothing missing this reads one table."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        log.info("database_migrating", steps=len(plan))
        call_command("migrate", interactive=False, verbosity=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
