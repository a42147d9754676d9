"""Servers for a test run: seen, installed where that is allowed, started on free ports and gone afterwards."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from dct_site.command import services
from dct_site.command.services import Service, ServiceFailed

ABSENT = Service("probe", lambda: False, "it is not there", ("probe-server", "probe-tools"))


def listens(url: str) -> bool:
    """Say whether somebody listens where the URL points."""
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


def refuse() -> None:
    """Be a server that nobody reaches."""
    raise ConnectionRefusedError


@pytest.mark.postgres
def test_a_throwaway_postgres_answers_and_is_gone_afterwards_even_with_a_client_connected() -> None:
    with services.throwaway_postgres() as url:
        client = psycopg.connect(url.rpartition("/")[0] + "/postgres")
        row = client.execute("select current_user").fetchone()
        assert row == ("dct",)
    assert not listens(url)
    client.close()


@pytest.mark.redis
def test_a_throwaway_redis_answers_and_is_gone_afterwards() -> None:
    with services.throwaway_redis() as url:
        client = redis.Redis.from_url(f"{url}/14")
        assert client.ping()
        client.close()
    assert not listens(url)


def test_a_server_that_stops_at_once_is_reported_with_what_it_said(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no luck')"]
    with (
        pytest.raises(ServiceFailed, match="Probe stopped at once: no luck"),
        services._server("Probe", argv, refuse, tmp_path, None),
    ):
        pytest.fail("a dead server was handed out")


@pytest.mark.parametrize(
    "not_yet",
    [
        ConnectionRefusedError("nobody listens"),
        psycopg.OperationalError("FATAL:  the database system is starting up"),
        redis.BusyLoadingError("LOADING Redis is loading the dataset in memory"),
    ],
)
def test_a_server_that_listens_but_does_not_serve_yet_is_waited_for(tmp_path: Path, not_yet: Exception) -> None:
    answers = iter([not_yet, not_yet, None])

    def answer() -> None:
        if problem := next(answers):
            raise problem

    with services._server("Probe", ["sleep", "60"], answer, tmp_path, None):
        assert list(answers) == []


def test_a_server_that_never_serves_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "READY_WITHIN_S", 0.1)
    with (
        pytest.raises(ServiceFailed, match="Probe did not answer within"),
        services._server("Probe", ["sleep", "60"], refuse, tmp_path, None),
    ):
        pytest.fail("a server that does not answer was handed out")


def test_what_may_not_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ServiceFailed, match="may not be installed from here: probe-server probe-tools"):
        services.install([ABSENT])


def test_packages_are_installed_quietly_after_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(argv: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        ran.append(argv)
        return subprocess.CompletedProcess(argv, 100 if "install" in argv else 0, "", "E: no such package")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ServiceFailed, match="apt-get could not install probe-server probe-tools: E: no such package"):
        services.install([ABSENT])
    assert [argv[:3] for argv in ran] == [["apt-get", "-qq", "update"], ["apt-get", "-qq", "install"]]
    assert ran[1][-2:] == ["probe-server", "probe-tools"]


def test_nothing_is_installed_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: pytest.fail("ran something"))
    services.install([])


def test_every_service_is_a_marker_that_the_suite_knows(request: pytest.FixtureRequest) -> None:
    known = {str(line).split(":")[0] for line in request.config.getini("markers")}
    assert {service.name for service in services.SERVICES} <= known


def test_what_is_installed_but_does_not_work_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **options: "/bin/false")
    monkeypatch.setattr(subprocess, "run", lambda argv, **options: subprocess.CompletedProcess(argv, 1))
    assert not services.sandbox_works()
    monkeypatch.setattr(shutil, "which", lambda name, **options: None)
    assert not services.sandbox_works()
