"""Wake-ups: they arrive in well under a millisecond, are coalesced, and may be lost without harm."""

import queue
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from dct_site.kernel import wake
from dct_site.kernel.wake import CeleryWake, NullWake, Role, SocketWake, Topic, WakeListener
from tests.kernel.runs import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recorded() -> Iterator[NullWake]:
    backend = NullWake()
    before = wake.configure(backend)
    yield backend
    wake.configure(before)


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A directory whose sockets' paths are longer than a socket's address may be."""
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    return directory


def test_a_poke_reaches_whoever_works_on_it(deep: Path) -> None:
    engine: queue.Queue[frozenset[Topic]] = queue.Queue()
    web: queue.Queue[frozenset[Topic]] = queue.Queue()
    listeners = [WakeListener(deep, Role.ENGINE, engine.put).start(), WakeListener(deep, Role.WEB, web.put).start()]
    sender = SocketWake(deep)
    sender.poke(Topic.DECIDE)
    sender.poke(Topic.ANNOUNCE)
    assert engine.get(timeout=5) == {Topic.DECIDE}
    assert web.get(timeout=5) == {Topic.ANNOUNCE}
    for listener in listeners:
        listener.close()
    sender.close()


def test_what_comes_during_work_is_heard_once_after_it(tmp_path: Path) -> None:
    heard: list[frozenset[Topic]] = []
    working, go_on = threading.Event(), threading.Event()

    def work(topics: frozenset[Topic]) -> None:
        heard.append(topics)
        working.set()
        assert go_on.wait(5)

    listener, sender = WakeListener(tmp_path, Role.ENGINE, work).start(), SocketWake(tmp_path)
    sender.poke(Topic.DECIDE)
    assert working.wait(5)
    for _ in range(5):
        sender.poke(Topic.ADMIT)
        sender.poke(Topic.LAUNCH)
    go_on.set()
    wait_until(lambda: len(heard) == 2)
    assert heard == [{Topic.DECIDE}, {Topic.ADMIT, Topic.LAUNCH}]
    listener.close()
    sender.close()


def test_nobody_there_or_too_busy_costs_nothing(tmp_path: Path) -> None:
    sender = SocketWake(tmp_path / "missing")
    sender.poke(Topic.DECIDE)
    sender.close()
    sender = SocketWake(tmp_path)
    sender.poke(Topic.DECIDE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "engine.sock"))
        began = time.monotonic()
        for _ in range(10_000):
            sender.poke(Topic.DECIDE)
        assert time.monotonic() - began < 5
    sender.poke(Topic.DECIDE)
    sender.close()
    sender.poke(Topic.DECIDE)  # closed: logged, not raised


def test_a_new_listener_takes_over_from_one_that_was_killed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(tmp_path / "engine.sock"))
    heard: queue.Queue[frozenset[Topic]] = queue.Queue()
    listener, sender = WakeListener(tmp_path, Role.ENGINE, heard.put).start(), SocketWake(tmp_path)
    sender.poke(Topic.POLL)
    assert heard.get(timeout=5) == {Topic.POLL}
    listener.close()
    sender.close()


def test_a_failure_in_the_listener_and_nonsense_on_the_socket_do_not_deafen_it(tmp_path: Path) -> None:
    heard: queue.Queue[frozenset[Topic]] = queue.Queue()

    def fail_first(topics: frozenset[Topic]) -> None:
        heard.put(topics)
        if topics == {Topic.DECIDE}:
            raise ZeroDivisionError

    listener, sender = WakeListener(tmp_path, Role.ENGINE, fail_first).start(), SocketWake(tmp_path)
    sender.poke(Topic.DECIDE)
    assert heard.get(timeout=5) == {Topic.DECIDE}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        for junk in (b"", b"\xff\xfe", b"x" * 500, b"no-topic"):
            other.sendto(junk, str(tmp_path / "engine.sock"))
    sender.poke(Topic.SETTLE)
    assert heard.get(timeout=5) == {Topic.SETTLE}
    listener.close()
    sender.close()


def test_another_process_answers_within_five_milliseconds(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from dct_site.kernel.wake import *\n"
        "there = SocketWake(Path(sys.argv[1]))\n"
        "WakeListener(Path(sys.argv[1]), Role.ENGINE, lambda topics: there.poke(Topic.ANNOUNCE)).start()\n"
        "print('up', flush=True); sys.stdin.read()\n"
    )
    back = threading.Event()
    listener = WakeListener(tmp_path, Role.WEB, lambda topics: back.set()).start()
    sender = SocketWake(tmp_path)
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "up\n"
        seconds = []
        for _ in range(200):
            back.clear()
            began = time.perf_counter()
            sender.poke(Topic.DECIDE)
            assert back.wait(5)
            seconds.append((time.perf_counter() - began) / 2)
        assert statistics.median(seconds) < 0.005
        engine.kill()
    listener.close()
    sender.close()


def test_celery_gets_the_topic_and_its_failure_stays_here() -> None:
    sent: list[Topic] = []
    CeleryWake(sent.append).poke(Topic.POLL)
    assert sent == [Topic.POLL]

    def broken(topic: Topic) -> Any:
        raise ConnectionError

    CeleryWake(broken).poke(Topic.POLL)


def test_without_a_choice_a_poke_goes_to_the_sockets_of_the_data_directory(settings: Any, tmp_path: Path) -> None:
    settings.DCT_DATA_DIR = tmp_path
    before = wake.configure(None)
    heard: queue.Queue[frozenset[Topic]] = queue.Queue()
    listener = WakeListener(wake.run_directory(), Role.ENGINE, heard.put).start()
    wake.poke(Topic.ADMIT)
    assert heard.get(timeout=5) == {Topic.ADMIT}
    listener.close()
    chosen = wake.configure(before)
    assert isinstance(chosen, SocketWake)
    chosen.close()


@pytest.mark.django_db(transaction=True)
def test_a_poke_on_commit_waits_for_the_commit_and_falls_with_a_rollback(recorded: NullWake) -> None:
    with transaction.atomic():
        wake.poke_on_commit(Topic.DECIDE)
        assert not recorded.pokes
    assert list(recorded.pokes) == [Topic.DECIDE]
    with transaction.atomic():
        wake.poke_on_commit(Topic.ADMIT)
        transaction.set_rollback(True)
    assert list(recorded.pokes) == [Topic.DECIDE]
