"""The other end of `bench intake`: signed 6 kB GitHub pushes over real connections, and how long each waited.

Plain sockets and one `epoll`: about 20 µs of CPU a request, so that the server is what is measured, not its client.
"""

import hmac
import itertools
import json
import secrets
import select
import socket
import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self

SECRET = "a secret of the benchmark"  # noqa: S105 - of a throw-away database
_HEAD = b"0" * 40
_LINKS = (
    "archive assignees blobs branches collaborators comments commits compare contents contributors deployments"
    " downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels"
    " languages merges milestones notifications pulls releases stargazers statuses subscribers tags teams trees"
)


def push() -> bytes:
    """A self-made push of one commit, of the size and the shape of GitHub's: some 6 kB, 40 objects and lists."""
    address = "https://api.github.com/repos/harbor/ferry-api"
    person = {"name": "mona-dev", "email": "mona-dev@users.example", "username": "mona-dev"}
    account = {"login": "mona-dev", "id": 1, "type": "User", "site_admin": False} | {
        f"{name}_url": f"https://api.github.com/users/mona-dev/{name}" for name in _LINKS.split()[:15]
    }
    commits = [
        {
            "id": _HEAD.decode(),
            "message": "Retry ferry bookings on 503\n\nThey fail while the tariff service restarts.",
            "timestamp": "2026-11-20T09:00:00Z",
            "url": f"https://github.com/harbor/ferry-api/commit/{number}",
            "author": person,
            "committer": person,
            "added": [],
            "removed": [],
            "modified": ["bookings/retry.py"],
        }
        for number in range(2)
    ]
    repository = {"id": 1, "name": "ferry-api", "full_name": "harbor/ferry-api", "private": False, "owner": account} | {
        f"{name}_url": f"{address}/{name}{{/number}}" for name in _LINKS.split()
    }
    told = {
        "ref": "refs/heads/main",
        "before": "9049f1265b7d61be4a8904a9a27120d2064dab3b",
        "after": _HEAD.decode(),
        "commits": commits[:1],
        "head_commit": commits[1],
        "repository": repository,
        "pusher": {"name": "mona-dev", "email": "mona-dev@users.example"},
        "sender": account,
    }
    return json.dumps(told, separators=(",", ":")).encode()


class Pushes:
    """Requests as bytes. Each is another commit with a key of its own, so that each is a delivery and an event."""

    def __init__(self, path: str) -> None:
        self._body = push()
        self._numbers = itertools.count(1)
        self._prefix = secrets.token_hex(12)
        self._head = head_of(path, "push", len(self._body))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        key = f"{self._prefix}{next(self._numbers):016x}".encode()
        return signed_request(self._head, key, self._body.replace(_HEAD, key))


def head_of(path: str, event: str, length: int) -> bytes:
    """The lines of a request that GitHub sends, but for those of ``signed_request``."""
    return (
        f"POST /hooks/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: GitHub-Hookshot/b4fb62a\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\nX-GitHub-Event: {event}\r\n"
        "X-GitHub-Hook-ID: 292430182\r\nX-GitHub-Hook-Installation-Target-ID: 79929171\r\n"
        "X-GitHub-Hook-Installation-Target-Type: repository\r\n"
    ).encode()


def signed_request(head: bytes, key: bytes, body: bytes) -> bytes:
    """A request with its delivery id and its signature."""
    signature = hmac.digest(SECRET.encode(), body, "sha256").hex().encode()
    return b"%sX-GitHub-Delivery: %s\r\nX-Hub-Signature-256: sha256=%s\r\n\r\n%s" % (head, key, signature, body)


class Connections:
    """Some connections to a server, each with at most one request on its way."""

    def __init__(self, port: int, count: int) -> None:
        self._ready = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[made.fileno()] = made
            self._ready.register(made.fileno(), select.EPOLLIN)
        self.idle = deque(self._sockets)
        self._since: dict[int, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ready.close()
        for one in self._sockets.values():
            one.close()

    def send(self, request: bytes, since: float) -> None:
        """Send what was due at ``since`` on the connection that was idle longest: one that says nothing is cut off."""
        number = self.idle.popleft()
        self._since[number] = since
        self._sockets[number].sendall(request)

    def answered(self, within_s: float) -> list[float]:
        """How long those waited whose answers came, if any came in time. Raises RuntimeError for all but a 202."""
        waited = []
        for number, _ in self._ready.poll(within_s):
            answer = self._sockets[number].recv(65536)
            while answer and not answer.endswith(b"}"):
                answer += self._sockets[number].recv(65536)
            if not answer.startswith(b"HTTP/1.1 202 "):
                raise RuntimeError(f"answered {answer[:200]!r}")
            waited.append(time.perf_counter() - self._since.pop(number))
            self.idle.append(number)
        return waited


def drive(
    *,
    port: int,
    path: str,
    pid: int,
    connections: int,
    count: int,
    rate: float = 0.0,
    requests: Iterator[bytes] | None = None,
) -> Mapping[str, float]:
    """Send so many as fast as they go, or ``rate`` a second; ``pid`` is whose CPU time they cost. Pushes, unless other
    ``requests`` are given.
    """
    pushes = requests or Pushes(path)
    with Connections(port, connections) as open_ones:
        began, cpu = time.perf_counter(), cpu_of(pid)
        waited, sent = list[float](), 0
        while len(waited) < count:
            due = began + sent / rate if rate else time.perf_counter()
            while sent < count and open_ones.idle and due <= time.perf_counter():
                open_ones.send(next(pushes), due)
                sent += 1
                due = began + sent / rate if rate else time.perf_counter()
            is_full = sent == count or not open_ones.idle
            waited += open_ones.answered(1.0 if is_full else max(0.0, due - time.perf_counter()))
        took, cpu = time.perf_counter() - began, cpu_of(pid) - cpu
    return told(waited, took, cpu)


def told(waited: Sequence[float], took_s: float, cpu_s: float) -> Mapping[str, float]:
    """The numbers of one run."""
    cuts, n = statistics.quantiles(waited, n=100), len(waited)
    return {"rate": n / took_s, "us_cpu": cpu_s / n * 1e6, "p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "n": n}


def cpu_of(pid: int) -> float:
    """The CPU time of another process in seconds: its clock, as clock_getcpuclockid(3) numbers it on Linux."""
    return time.clock_gettime((~pid << 3) | 2)
