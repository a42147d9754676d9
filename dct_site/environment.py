"""What the DCT_* variables say, judged before anything starts: what cannot work, or would be open to everybody, is
refused in one sentence (ImproperlyConfigured) that names the variable.
"""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from dct_site.kernel.crypto import Box, WrongKey
from dct_site.kernel.keyfile import read_or_make

LOG_FORMATS = ("json", "text")
KINDS = ("development", "production")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SHORTEST_SECRET = 50
FEWEST_CHARACTERS = 5
POSTGRES = frozenset({"postgres", "postgresql"})
BROKERS = frozenset({"redis", "rediss", "amqp", "amqps"})
CHANNELS = frozenset({"redis", "rediss"})
HOW_TO_MAKE = {
    "DCT_SECRET_KEY": "openssl rand -base64 48",
    "DCT_ENCRYPTION_KEYS": "openssl rand -base64 32 | tr '+/' '-_'",
}


def kind() -> str:
    """DCT_ENV: development or production."""
    given = os.environ.get("DCT_ENV") or KINDS[0]
    if given not in KINDS:
        raise ImproperlyConfigured(f"DCT_ENV is {given!r}; it may be development or production.")
    return given


def secret_key(*, production: bool, kept: Path) -> str:
    """DCT_SECRET_KEY; outside production one is made once in the directory ``kept``."""
    key = _key("DCT_SECRET_KEY", production=production, file=kept / "secret_key")
    if production and (len(key) < SHORTEST_SECRET or len(set(key)) < FEWEST_CHARACTERS):
        raise ImproperlyConfigured(
            f"DCT_SECRET_KEY can be guessed; set it to {SHORTEST_SECRET} or more random characters."
        )
    return key


def encryption_keys(*, production: bool, kept: Path) -> str:
    """DCT_ENCRYPTION_KEYS, each of them usable; outside production one is made once in the directory ``kept``."""
    keys = _key("DCT_ENCRYPTION_KEYS", production=production, file=kept / "encryption_keys")
    try:
        Box([key.strip() for key in keys.split(",") if key.strip()])
    except WrongKey as wrong:
        raise ImproperlyConfigured(str(wrong)) from None
    return keys


def allowed_hosts(*, production: bool) -> list[str]:
    """DCT_ALLOWED_HOSTS; outside production this machine alone when nothing is said."""
    hosts = [part.strip() for part in os.environ.get("DCT_ALLOWED_HOSTS", "").split(",") if part.strip()]
    if production and not hosts:
        raise ImproperlyConfigured("DCT_ALLOWED_HOSTS is not set; name the hosts that serve DCT, with commas between.")
    if production and "*" in hosts:
        raise ImproperlyConfigured("DCT_ALLOWED_HOSTS is *; name the hosts that serve DCT.")
    return hosts or list(LOOPBACK)


def public_url() -> str:
    """DCT_PUBLIC_URL without the slash at its end; empty when it is not set."""
    url = os.environ.get("DCT_PUBLIC_URL", "").rstrip("/")
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ImproperlyConfigured("DCT_PUBLIC_URL is no address; set it to https://… as people and webhooks use it.")
    return url


def broker_and_channel_urls() -> tuple[str, str]:
    """DCT_BROKER_URL and DCT_CHANNEL_URL, both or neither: several processes need a broker and a channel layer that
    they share.
    """
    broker, channel = os.environ.get("DCT_BROKER_URL", ""), os.environ.get("DCT_CHANNEL_URL", "")
    if broker and urlsplit(broker).scheme not in BROKERS:
        raise ImproperlyConfigured(
            f"DCT_BROKER_URL begins with {_scheme(broker)}, which processes do not share; set it to redis://… or amqp://…"
        )
    if channel and urlsplit(channel).scheme not in CHANNELS:
        raise ImproperlyConfigured(f"DCT_CHANNEL_URL begins with {_scheme(channel)}; set it to redis://…")
    if broker and not channel:
        raise ImproperlyConfigured(
            "DCT_CHANNEL_URL is not set; with DCT_BROKER_URL the processes need it: set it to redis://…"
        )
    return broker, channel


def must_agree(*, production: bool, engine: str, broker: str, hosts: list[str], public: str) -> None:
    """Refuse what each variable alone may say and together cannot work."""
    if broker and engine.endswith("sqlite"):
        raise ImproperlyConfigured(
            "DCT_BROKER_URL is set and the database is SQLite, which processes of many machines cannot share; "
            "set DCT_DATABASE_URL to postgresql://…, or DCT_BROKER_URL to nothing."
        )
    name = urlsplit(public).hostname or ""
    if production and name and not validate_host(name, hosts):
        raise ImproperlyConfigured(
            f"DCT_PUBLIC_URL names {name}, which DCT_ALLOWED_HOSTS turns away; add it to DCT_ALLOWED_HOSTS."
        )


def metrics_allow() -> list[str]:
    """DCT_METRICS_ALLOW: addresses and networks that may read /metrics without a token; none when it is empty."""
    given = [part.strip() for part in os.environ.get("DCT_METRICS_ALLOW", "").split(",") if part.strip()]
    for one in given:
        try:
            ip_network(one)
        except ValueError:
            raise ImproperlyConfigured(
                f"DCT_METRICS_ALLOW names {one!r}; it may hold addresses and networks, such as 10.0.0.7,10.1.0.0/16."
            ) from None
    return given


def log_format(*, production: bool) -> str:
    """DCT_LOG_FORMAT: json or text; json in production when nothing is said."""
    given = os.environ.get("DCT_LOG_FORMAT") or LOG_FORMATS[0 if production else 1]
    if given not in LOG_FORMATS:
        raise ImproperlyConfigured(f"DCT_LOG_FORMAT is {given!r}; it may be json or text.")
    return given


def database(*, data: Path) -> dict[str, Any]:
    """DCT_DATABASE_URL as Django's settings of a database; a SQLite file in the directory ``data`` when it is empty."""
    url = os.environ.get("DCT_DATABASE_URL", "")
    scheme = urlsplit(url).scheme
    if not url or scheme == "sqlite":
        return _sqlite(url.removeprefix("sqlite:///") or str(data / "dct.sqlite3"))
    if scheme not in POSTGRES:
        raise ImproperlyConfigured(
            f"DCT_DATABASE_URL begins with {_scheme(url)}; set it to postgresql://user:password@host:5432/name, "
            "or to nothing for SQLite."
        )
    # A pool keeps its own connections; persistent ones under ASGI exhausted PostgreSQL, so CONN_MAX_AGE stays 0.
    # It looks at each before it gives it out: after a restart of PostgreSQL they are all dead.
    try:
        postgres: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=0, conn_health_checks=True))
    except ValueError:
        raise ImproperlyConfigured(
            "DCT_DATABASE_URL cannot be read; set it to postgresql://user:password@host:5432/name."
        ) from None
    return {
        **postgres,
        "OPTIONS": {**postgres.get("OPTIONS", {}), "pool": {"min_size": 1, "max_size": 12, "timeout": 10}},
    }


def _sqlite(file: str) -> dict[str, Any]:
    return {
        "ENGINE": "dct_site.kernel.sqlite",
        "NAME": file,
        # Under ASGI every request has a thread of its own: a connection that outlived it would only leak.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA wal_autocheckpoint=1000; PRAGMA busy_timeout=20000;",
        },
    }


def _key(variable: str, *, production: bool, file: Path) -> str:
    """A key from the environment; outside production one is made once and kept beside (never inside) the database."""
    given = os.environ.get(variable, "")
    if given:
        return given
    if production:
        raise ImproperlyConfigured(
            f"{variable} is not set; production never starts with a made-up key. Make one: {HOW_TO_MAKE[variable]}"
        )
    return read_or_make(file)


def _scheme(url: str) -> str:
    """What a URL begins with, and nothing of what it holds."""
    return f"{urlsplit(url).scheme}://" if "://" in url else "something that is no URL"
