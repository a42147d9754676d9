"""What the doctor says of the database, the broker, the channel layer and the processes: there, not there, or wrong."""

import os
import socket
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from django.test import override_settings

from accounts.services.heartbeat import beat
from dct_site.command.services import free_port
from dct_site.diagnosis import services
from dct_site.diagnosis.findings import Finding, Standing
from dct_site.environment import database as configured
from dct_site.kernel import clock

PASSWORD = "canary-of-a-password"


def of(findings: Iterable[Finding], what: str) -> Finding:
    """The one finding about ``what``; no finding of any kind tells a password."""
    found = list(findings)
    assert all(PASSWORD not in finding.detail for finding in found)
    (one,) = [finding for finding in found if finding.what == what]
    return one


def connect_to(url: str, monkeypatch: pytest.MonkeyPatch) -> BaseDatabaseWrapper:
    """Let the doctor look at the database that DCT_DATABASE_URL would name."""
    monkeypatch.setenv("DCT_DATABASE_URL", url)
    given = ConnectionHandler({"default": configured(data=Path("/nowhere"))})["default"]
    monkeypatch.setattr(services, "connection", given)
    return given


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_is_well_and_named() -> None:
    found = of(services.look_at_database(), "Database")
    assert found.standing == Standing.OK
    assert str(connection.settings_dict["NAME"]) in found.detail


@pytest.mark.django_db
def test_a_database_without_our_tables_is_told_with_what_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = connect_to(f"sqlite:///{tmp_path}/empty.sqlite3", monkeypatch)
    (found,) = services.look_at_database()
    given.close()
    assert found.standing == Standing.WARN
    assert "migrations are missing; `./dct run` applies them." in found.detail


@pytest.mark.django_db
def test_a_database_that_cannot_be_reached_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text("This is no database. " * 100)
    reasons = {
        f"sqlite:///{tmp_path}/no/such/directory/file": "unable to open database file",
        f"sqlite:///{tmp_path}/text": "file is not a database",
        f"postgresql://dct:{PASSWORD}@127.0.0.1:{free_port()}/dct": "refused",
    }
    for url, reason in reasons.items():
        connect_to(url, monkeypatch)
        (found,) = services.look_at_database()
        assert found.standing == Standing.FAIL
        assert reason in found.detail
        assert found.detail.endswith("look at DCT_DATABASE_URL.")


@pytest.mark.postgres
@pytest.mark.django_db
def test_a_wrong_name_of_a_database_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_to(os.environ["DCT_TEST_DATABASE_URL"].rpartition("/")[0] + "/nowhere", monkeypatch)
    (found,) = services.look_at_database()
    assert (found.standing, 'database "nowhere" does not exist' in found.detail) == (Standing.FAIL, True)


@pytest.mark.django_db
@pytest.mark.parametrize(("skew", "standing"), [(0.2, None), (-3, Standing.WARN)])
def test_a_clock_that_differs_from_the_databases_is_told(
    skew: float, standing: Standing | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "db_now", lambda _: datetime.now(UTC) + timedelta(seconds=skew))
    found = [finding.standing for finding in services.look_at_database() if finding.what == "Clock"]
    assert found == ([standing] if standing else [])


@pytest.mark.django_db
@override_settings(SCALED=False)
def test_a_process_is_alive_silent_or_was_never_there() -> None:
    assert of(services.look_at_database(), "Processes").standing == Standing.WARN

    now = datetime.now(UTC)
    beat(role="engine", owner="one", now=now - timedelta(seconds=services.SILENT_AFTER_S + 5), facts={})
    assert "engine does not run" in of(services.look_at_database(), "Processes").detail

    beat(role="engine", owner="two", now=now, facts={"sandbox": "bubblewrap"})
    found = of(services.look_at_database(), "Processes")
    assert (found.standing, "sandbox bubblewrap" in found.detail) == (Standing.OK, True)


@pytest.mark.django_db
@override_settings(SCALED=True)
def test_on_many_machines_each_role_is_looked_for() -> None:
    beat(role="agents", owner="one", now=datetime.now(UTC), facts={})
    told = [(found.standing, found.detail) for found in services.look_at_database() if found.what == "Processes"]
    assert [standing for standing, _ in told] == [Standing.OK, Standing.WARN]
    assert told[0][1].endswith(" s ago")
    assert told[1][1].startswith("tick does not run")


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port of this machine where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def hosts(url: str) -> dict[str, Any]:
    """The settings of an installation whose broker and channel layer are at ``url``."""
    layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [url]}}
    return {"SCALED": True, "DCT_BROKER_URL": url, "DCT_CHANNEL_URL": url, "CHANNEL_LAYERS": {"default": layer}}


@override_settings(SCALED=False, DCT_CHANNEL_URL="")
def test_one_machine_needs_neither_broker_nor_channel_layer() -> None:
    assert of(services.look_at_broker(), "Broker").standing == Standing.OK
    assert of(services.look_at_channel_layer(), "Channel layer").standing == Standing.OK


@pytest.mark.redis
def test_a_broker_and_a_channel_layer_that_answer_are_well() -> None:
    with override_settings(**hosts(os.environ["DCT_TEST_REDIS_URL"] + "/13")):
        broker = of(services.look_at_broker(), "Broker")
        layer = of(services.look_at_channel_layer(), "Channel layer")
    assert (broker.standing, layer.standing) == (Standing.OK, Standing.OK)
    assert broker.detail == layer.detail == os.environ["DCT_TEST_REDIS_URL"] + "/13"


def test_a_broker_and_a_channel_layer_that_are_not_there_are_told_without_their_password() -> None:
    port = free_port()
    with override_settings(**hosts(f"redis://dct:{PASSWORD}@127.0.0.1:{port}/0")):
        broker = of(services.look_at_broker(), "Broker")
        layer = of(services.look_at_channel_layer(), "Channel layer")
    for found, variable in ((broker, "DCT_BROKER_URL"), (layer, "DCT_CHANNEL_URL")):
        assert found.standing == Standing.FAIL
        assert found.detail.startswith(f"redis://127.0.0.1:{port}/0 does not answer (")
        assert found.detail.endswith(f"look at {variable}.")


def test_something_else_at_the_brokers_address_is_told(deaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PATIENCE_S", 0.05)
    with override_settings(SCALED=True, DCT_BROKER_URL=f"amqp://dct:{PASSWORD}@127.0.0.1:{deaf}//"):
        assert of(services.look_at_broker(), "Broker").standing == Standing.FAIL


@pytest.mark.parametrize(
    ("production", "address", "standings"),
    [
        (False, "", [Standing.OK]),
        (True, "https://dct.example.org", [Standing.OK]),
        (True, "http://dct.example.org", [Standing.OK, Standing.WARN]),
    ],
)
def test_production_wants_a_public_address_that_is_encrypted(
    production: bool, address: str, standings: list[Standing]
) -> None:
    with override_settings(PRODUCTION=production, DCT_PUBLIC_URL=address):
        assert [found.standing for found in services.look_at_settings()] == standings
