"""The door as a process: killed around its commit, kept waiting by slow clients, told nonsense, beside another one."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.db import connection

from tests.triggers.door.client import BODY, github, make_hook
from triggers.models import Delivery, PendingDelivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Served:
    """A door in a process."""

    process: subprocess.Popen[str]
    port: int

    def post(
        self, path: str, body: bytes = BODY, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        """Status and JSON of one request; raises OSError or HTTPException where there is no answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            client.request("POST", f"/hooks/{path}", body, headers or {})
            answer = client.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            client.close()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def database_url() -> str:
    """The URL of the test database for another process."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    at = f"{settings['HOST'] or '127.0.0.1'}:{settings['PORT'] or 5432}"
    return f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{at}/{settings['NAME']}"


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that starts a door with an environment; all are killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> Served:
        told = {"DJANGO_SETTINGS_MODULE": "dct_site.settings", "DCT_DATABASE_URL": database_url(), **environment}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.triggers.door.serve"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | told,
        )
        started.append(process)
        assert process.stdout is not None
        return Served(process, int(process.stdout.readline()))

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize(("place", "stored"), [("door.before_commit", 0), ("door.after_commit", 1)])
def test_killed_around_its_commit_it_has_promised_nothing_and_the_sender_tries_again(
    serve: Serve, place: str, stored: int
) -> None:
    hook = make_hook()
    headers = github(key="k")
    with pytest.raises((OSError, http.client.HTTPException)):
        serve(DCT_CRASH_AT=place).post(hook.endpoint.path, headers=headers)
    assert Delivery.objects.count() == PendingDelivery.objects.count() == stored
    status, answer = serve().post(hook.endpoint.path, headers=headers)
    assert (status, answer["duplicate"]) == (202, bool(stored))
    assert Delivery.objects.count() == PendingDelivery.objects.count() == 1


def test_killed_at_any_moment_it_has_lost_nothing_that_it_acknowledged(serve: Serve) -> None:
    hook = make_hook()
    served = serve()
    acknowledged: list[str] = []

    def send() -> None:
        while True:
            key = secrets.token_hex(8)
            try:
                status, _ = served.post(hook.endpoint.path, headers=github(key=key))
            except (OSError, http.client.HTTPException):
                return
            if status == 202:
                acknowledged.append(key)

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    wait_for(lambda: len(acknowledged) > 100)
    served.process.send_signal(signal.SIGKILL)
    for sender in senders:
        sender.join()
    stored = set(Delivery.objects.values_list("delivery_key", flat=True))
    assert set(acknowledged) <= stored
    assert PendingDelivery.objects.count() == len(stored)


def test_fifty_copies_to_two_processes_make_one_row(serve: Serve) -> None:
    hook = make_hook()
    doors, headers = [serve(), serve()], github(key="k")
    answers: list[tuple[int, dict[str, object]]] = []
    threads = [
        threading.Thread(
            target=lambda door=doors[n % 2]: answers.append(door.post(hook.endpoint.path, headers=headers))
        )
        for n in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [202] * 50
    assert sum(not answer["duplicate"] for _, answer in answers) == 1
    assert Delivery.objects.count() == 1


def test_headers_or_bodies_that_never_end_are_cut_off_and_starve_nobody(serve: Serve) -> None:
    hook = make_hook()
    served = serve(HEADER_DEADLINE_S="0.5", BODY_DEADLINE_S="0.5")
    head = f"POST /hooks/{hook.endpoint.path} HTTP/1.1\r\nHost: x\r\n".encode()
    whole = head + b"Content-Length: 2\r\n\r\n{}"
    beginnings = [b"", b"POST", head, whole + head, head + b"Content-Length: 100\r\n\r\n{"]
    slow = []
    for beginning in beginnings * 20:
        slow.append(socket.create_connection(("127.0.0.1", served.port), timeout=20))
        slow[-1].sendall(beginning)
    began = time.monotonic()
    assert served.post(hook.endpoint.path, headers=github())[0] == 202
    assert time.monotonic() - began < 5
    for client in slow:
        while client.recv(65536):
            pass
        client.close()


def test_whoever_sends_too_much_reads_why_instead_of_a_broken_connection(serve: Serve) -> None:
    hook = make_hook(max_body_bytes=100)
    served = serve()
    for _ in range(3):
        status, told = served.post(hook.endpoint.path, b"x" * (8 << 20), github())
        assert (status, told["code"]) == (413, "too_large")
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        head = f"POST /hooks/{hook.endpoint.path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        client.sendall(head.encode() + b"Content-Length: 1000\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_body_without_end_is_let_pass_for_a_while_only(serve: Serve) -> None:
    hook = make_hook(max_body_bytes=100)
    served = serve(BODY_DEADLINE_S="0.3")
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        client.sendall(f"POST /hooks/{hook.endpoint.path} HTTP/1.1\r\nHost: x\r\n".encode())
        client.sendall(b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


NONSENSE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    b"GET\r\n\r\n",
    b"POST /hooks/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /%zz HTTP/9.9\r\n\r\n",
    b"POST //[ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"POST /hooks/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
]


def test_bytes_that_are_no_http_get_json_or_nothing_and_never_a_5xx(serve: Serve) -> None:
    served = serve(HEADER_DEADLINE_S="1", BODY_DEADLINE_S="1")
    for nonsense in NONSENSE:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while part := client.recv(65536):
                answer += part
        if answer:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.split()[1].startswith(b"4"), nonsense
            json.loads(body)


def wait_for(holds: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait until something holds."""
    give_up_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come to hold in time"
        time.sleep(0.01)
