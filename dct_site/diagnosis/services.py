"""What DCT talks to: database, broker, channel layer, its own processes; and whether its secrets can be read."""

import asyncio
from collections.abc import Iterable
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import ConnectionHandler
from kombu.connection import Connection as BrokerConnection

from accounts.models import Heartbeat, Secret
from accounts.services.heartbeat import seconds_since
from dct_site.diagnosis.findings import Finding, fail, ok, warn
from dct_site.kernel import clock
from dct_site.kernel.clock import utcnow
from dct_site.layer import channel_layer
from triggers.selectors.health import secrets_under_lost_keys

SILENT_AFTER_S = 20.0
SKEW_S = 1.0
PATIENCE_S = 3


def look_at_database() -> Iterable[Finding]:
    try:
        _connect_once()
        plan = _missing_migrations()
    except DatabaseError as error:
        yield fail("Database", f"does not answer ({' '.join(str(error).split())}); look at DCT_DATABASE_URL.")
        return
    place = settings.DATABASES["default"]["NAME"]
    if plan:
        yield warn(
            "Database", f"{connection.display_name}, {place}: {plan} migrations are missing; `./dct run` applies them."
        )
        return
    yield ok("Database", f"{connection.display_name}, {place}")
    skew = abs((clock.db_now(connection) - utcnow()).total_seconds())
    if skew > SKEW_S:
        yield warn("Clock", f"this machine and the database differ by {skew:.1f} s; set up time synchronisation.")
    yield from _secrets()
    yield from _processes()


def look_at_broker() -> Iterable[Finding]:
    if not settings.SCALED:
        yield ok("Broker", "none: one machine, wake-ups over sockets")
        return
    shown = _without_password(settings.DCT_BROKER_URL)
    try:
        with BrokerConnection(settings.DCT_BROKER_URL, connect_timeout=PATIENCE_S) as broker:  # type: ignore[no-untyped-call]
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=PATIENCE_S)
            broker.channel().close()  # Redis asks for a password here and not before
        yield ok("Broker", shown)
    except Exception as error:  # noqa: BLE001 - every broker's client raises its own
        yield fail("Broker", f"{shown} does not answer ({_words(error)}); look at DCT_BROKER_URL.")


def look_at_channel_layer() -> Iterable[Finding]:
    if not settings.DCT_CHANNEL_URL:
        yield ok("Channel layer", "in the web process")
        return
    shown = _without_password(settings.DCT_CHANNEL_URL)
    try:
        async_to_sync(_send_a_hint)()
        yield ok("Channel layer", shown)
    except Exception as error:  # noqa: BLE001 - whatever the layer's client raises
        yield fail("Channel layer", f"{shown} does not answer ({_words(error)}); look at DCT_CHANNEL_URL.")


def look_at_settings() -> Iterable[Finding]:
    if settings.PRODUCTION:
        yield ok("Environment", "production")
        if not settings.DCT_PUBLIC_URL.startswith("https://"):
            yield warn("Public URL", "set DCT_PUBLIC_URL to the https address that people and webhooks use.")
    else:
        yield ok("Environment", "development (set DCT_ENV=production where others can reach it)")


async def _send_a_hint() -> None:
    async with asyncio.timeout(PATIENCE_S):
        await channel_layer().group_send("dct.doctor", {"type": "hint"})


def _words(error: Exception) -> str:
    """What it says on one line; a client that gave up waiting says nothing."""
    return " ".join(str(error).split()).rstrip(".") or f"no answer within {PATIENCE_S} s"


def _connect_once() -> None:
    """Past the pool, which would try for ten seconds and then not say why. Raises DatabaseError."""
    options = {name: value for name, value in connection.settings_dict["OPTIONS"].items() if name != "pool"}
    if connection.vendor == "postgresql":
        options["connect_timeout"] = PATIENCE_S
    straight = ConnectionHandler({"default": {**connection.settings_dict, "OPTIONS": options}})["default"]
    straight.ensure_connection()
    straight.close()


def _missing_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _secrets() -> Iterable[Finding]:
    """Whether the keys of now are those of what was kept."""
    lost = secrets_under_lost_keys()
    if not lost:
        yield ok("Encryption key", f"opens the {Secret.objects.count()} secrets that are kept")
    for reason in lost:
        yield fail("Encryption key", f"{reason.text} {reason.advice}")


def _processes() -> Iterable[Finding]:
    now = utcnow()
    for role in ("agents", "tick") if settings.SCALED else ("engine",):
        age = seconds_since(role, now=now)
        if age is None or age > SILENT_AFTER_S:
            yield warn("Processes", f"{role} does not run; start it with `./dct run`.")
            continue
        facts = Heartbeat.objects.filter(role=role).order_by("-at").values_list("facts", flat=True).first() or {}
        sandbox = f", sandbox {facts['sandbox']}" if "sandbox" in facts else ""
        yield ok("Processes", f"{role} alive {age:.0f} s ago{sandbox}")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") + parts.path
