"""``/readyz``: ready, or what is missing – for whoever decides whether to send requests here."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from django.utils import timezone

from accounts.services.heartbeat import beat
from dct_site import readiness

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_asked_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_known_migrated", set())


def ask() -> tuple[int, list[str]]:
    response = Client().get("/readyz")
    assert response["Cache-Control"] == "no-store"
    return response.status_code, response.json()["missing"]


@override_settings(SCALED=False)
def test_ready_is_who_has_tables_and_an_engine() -> None:
    status, missing = ask()
    assert (status, len(missing)) == (503, 1)
    assert "engine" in missing[0]
    beat(role="engine", owner="one", now=timezone.now(), facts={})
    assert ask() == (200, [])


@override_settings(SCALED=True)
def test_on_many_machines_every_silent_role_is_named() -> None:
    beat(role="agents", owner="one", now=timezone.now(), facts={})
    beat(role="tick", owner="clock", now=timezone.now() - timedelta(minutes=1), facts={})
    status, missing = ask()
    assert (status, len(missing)) == (503, 1)
    assert "tick" in missing[0]


def test_missing_migrations_are_told_until_they_are_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    beat(role="engine", owner="one", now=timezone.now(), facts={})
    with monkeypatch.context() as behind:
        behind.setattr("django.db.migrations.executor.MigrationExecutor.migration_plan", lambda *_: ["one"])
        assert ask() == (503, ["The database's tables are not up to date; run `./dct manage migrate`."])
    assert "tables" not in " ".join(ask()[1])


def test_a_database_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(readiness, "health", away)
    assert ask() == (503, ["The database does not answer."])
