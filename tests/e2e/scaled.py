"""An installation of many processes on loopback: PostgreSQL, Redis, and roles that can be killed one by one."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from dct_site.bench.installation import ROOT, Installation, descendants, eventually
from dct_site.command.services import free_port, throwaway_postgres, throwaway_redis

AT_WORK = (b"celery", b"dct_site.engine", b"dct_site.web")
PREPARATION = b"dct_site.prepare"


class Role:
    """``./dct run --role …`` as a process tree of its own."""

    def __init__(self, name: str, environment: dict[str, str], *arguments: str) -> None:
        self.name = name
        self._argv = [sys.executable, "-m", "dct_site.command", "run", "--role", name, *arguments]
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with Path(self._environment["DCT_DATA_DIR"], f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def start_again(self) -> None:
        """Start, and wait until it is at work and its preparation is over: where the database hangs up on that, the
        role says so and ends.
        """
        self.start()
        eventually(lambda: self._runs(PREPARATION))
        eventually(lambda: self._runs(*AT_WORK) and not self._runs(PREPARATION))

    def _runs(self, *words: bytes) -> bool:
        """Whether one of the processes below its parent has one of the words in its command line."""
        assert self._process is not None
        return any(set(words) & _command_line(pid) for pid in descendants(self._process.pid))

    def kill(self) -> None:
        """``kill -9`` of the parent and of everything below it, its agents too."""
        if self._process is not None:
            for pid in [self._process.pid, *descendants(self._process.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait(30)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)


def _command_line(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
    except OSError:
        return set()


class Scaled(Installation):
    """The demo, run by four roles; ``roles`` holds them by name, with a second web as ``web2``.

    Started and ended by ``running``: what it inherits is how one talks to an installation.
    """

    def __init__(self, data: Path, database: str, redis: str) -> None:
        super().__init__(data=data)
        self.database, self.redis = database, redis
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DCT_", "DJANGO_"))}
        environment = {
            **kept,
            "DCT_DATA_DIR": str(data),
            "DCT_DATABASE_URL": database,
            "DCT_BROKER_URL": f"{redis}/0",
            "DCT_CHANNEL_URL": f"{redis}/1",
        }
        self._ports = {"web": free_port(), "web2": free_port()}
        self.roles = {
            "web": Role("web", environment, "--port", str(self._ports["web"]), "--demo", "--info", str(self._told)),
            "web2": Role("web", environment, "--port", str(self._ports["web2"])),
            **{name: Role(name, environment) for name in ("worker", "agents", "tick")},
        }

    @property
    def _told(self) -> Path:
        return self.data / "info.json"

    @property
    def second_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['web2']}"

    def start_all(self) -> None:
        """The first web brings the database up to date; then the others."""
        self.roles["web"].start()
        eventually(lambda: answers(f"http://127.0.0.1:{self._ports['web']}/healthz"), within_s=60)
        for name, role in self.roles.items():
            if name != "web":
                role.start()
        eventually(self._told.exists, within_s=60)
        eventually(lambda: answers(f"{self.second_url}/readyz"), within_s=60)
        self.info = json.loads(self._told.read_text())

    def logs(self) -> str:
        return "\n".join(
            f"── {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in sorted(self.data.glob("*.log"))
        )


def answers(url: str) -> bool:
    """Whether somebody says 200 there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            found: Any = answer.status
            return bool(found == 200)
    except OSError:
        return False


def make_database(url: str) -> None:
    """Create the database that the URL names."""
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")


@contextmanager
def running() -> Iterator[Scaled]:
    """Everything started, and killed at the end."""
    with ExitStack() as stack:
        database = stack.enter_context(throwaway_postgres())
        make_database(database)
        redis = stack.enter_context(throwaway_redis())
        data = Path(stack.enter_context(TemporaryDirectory(prefix="dct-scaled-", ignore_cleanup_errors=True)))
        scaled = Scaled(data, database, redis)
        for role in scaled.roles.values():
            stack.callback(role.kill)
        try:
            scaled.start_all()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{scaled.logs()}") from error
        yield scaled
