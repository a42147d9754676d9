"""A whole DCT on a throw-away data directory: what the path benchmark measures and the end-to-end tests drive."""

import hashlib
import hmac
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 120.0


class Installation:
    """``./dct run`` as a subprocess. Used as a context manager it leaves neither process nor directory behind."""

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None, data: Path | None = None) -> None:
        self._own = None if data else tempfile.mkdtemp(prefix="dct-run-")
        self.data = data or Path(str(self._own))
        self.info: dict[str, Any] = {}
        self.ready_s = 0.0
        self._arguments = arguments
        self._environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start and wait until it is ready. Raises RuntimeError with the log's end where it does not become so."""
        told = self.data / "info.json"
        told.unlink(missing_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "dct_site.command", "run", "--port", "0", "--data", str(self.data)]
        started = time.monotonic()
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--info", str(told), *self._arguments],
                cwd=ROOT,
                env={**_outside(), **self._environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for(told, started)
        self.info = json.loads(told.read_text())
        self.ready_s = time.monotonic() - started
        return self

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        return code

    def kill_everything(self) -> None:
        """``kill -9`` of the parent and of everything below it, at once."""
        if self.process is not None:
            for pid in [self.process.pid, *descendants(self.process.pid)]:
                _kill(pid)
            self.process.wait(30)
            self.process = None

    def log(self) -> str:
        return (self.data / "log").read_text(errors="replace")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)

    def _wait_for(self, told: Path, started: float) -> None:
        while not told.exists():
            if self.process is None or self.process.poll() is not None or time.monotonic() - started > READY_WITHIN_S:
                self.kill_everything()
                raise RuntimeError(f"DCT did not become ready:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def raw(self, path: str, *, method: str = "GET", body: Any = None) -> bytes:
        """Call the API with the token that this start told; the answer's bytes. Raises HTTPError."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.info['url']}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.info['api_token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            told: bytes = answer.read()
        return told

    def api(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """Call the API; the decoded answer."""
        return json.loads(self.raw(path, method=method, body=body) or b"null")


def pull_request(number: int = 231, *, action: str = "opened", text: str = "") -> bytes:
    """A self-made GitHub ``pull_request`` payload of the demo's repository."""
    person = {"login": "mona-dev", "id": 1}
    repository = {"id": 1, "name": "ferry-api", "full_name": "harbor/ferry-api"}
    body = {
        "action": action,
        "number": number,
        "pull_request": {
            "id": 5000 + number,
            "number": number,
            "state": "open",
            "draft": False,
            "merged": False,
            "title": "Retry ferry bookings on 503",
            "body": text or "Bookings fail while the tariff service restarts.\n\nHow often may we try again?",
            "html_url": f"https://github.com/harbor/ferry-api/pull/{number}",
            "user": person,
            "labels": [],
            "base": {"ref": "main"},
            "head": {"ref": "retry-bookings"},
            "created_at": "2026-11-20T09:00:00Z",
            "updated_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
        "repository": repository | {"html_url": "https://github.com/harbor/ferry-api"},
        "sender": person,
    }
    return json.dumps(body).encode()


def signed(secret: str, body: bytes, *, event: str = "pull_request", delivery: str = "") -> dict[str, str]:
    """The headers of a GitHub webhook."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or secrets.token_hex(16),
        "X-Hub-Signature-256": f"sha256={digest}",
    }


def post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """(status, JSON) of a POST, errors too."""
    request = urllib.request.Request(url, data=body, headers=dict(headers))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def eventually(look: Callable[[], Any], *, within_s: float = 30.0, every_s: float = 0.05) -> Any:
    """The first true answer of ``look``; AssertionError when the time is over."""
    until = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not within {within_s} s; last seen: {found!r}")
        time.sleep(every_s)


def descendants(pid: int) -> list[int]:
    """Every process below ``pid``, the nearest first."""
    children = _children_by_parent()
    found, wanted = [], [pid]
    while wanted:
        below = children.get(wanted.pop(0), [])
        found += below
        wanted += below
    return found


def _children_by_parent() -> dict[int, list[int]]:
    table: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            table.setdefault(parent, []).append(int(entry.name))
    return table


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _outside() -> dict[str, str]:
    """This process's environment without its own DCT_* settings: an installation starts from nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DCT_")}
    return {name: value for name, value in kept.items() if name != "DJANGO_SETTINGS_MODULE"}
