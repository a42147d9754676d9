"""Wake-ups: "claim and run up to N", safe to lose or to repeat; never the work itself.

One machine: a datagram to a Unix socket in `DCT_DATA_DIR/run`. Many: a Celery message. Whoever is not there, or too
busy to take it, misses a wake-up and finds the work at the next sweep.
"""

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

import structlog
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

log = structlog.get_logger(__name__)

DATAGRAM = 64  # bytes; a topic's name is far shorter


class Topic(StrEnum):
    """What there is to do."""

    DECIDE = "decide"
    ADMIT = "admit"
    LAUNCH = "launch"
    SUPERVISE = "supervise"
    SETTLE = "settle"
    POLL = "poll"
    REPLAY = "replay"
    ERASE = "erase"
    CLOCK = "clock"
    ANNOUNCE = "announce"


class Role(StrEnum):
    """Who listens on one machine; also the name of the socket."""

    WEB = "web"
    ENGINE = "engine"


# Everything else is the engine's.
ROUTES: Mapping[Topic, Role] = MappingProxyType({Topic.ANNOUNCE: Role.WEB})


class Wake(Protocol):
    """How a wake-up travels. Never waits, never raises."""

    def poke(self, topic: Topic) -> None:
        """Wake whoever works on `topic`."""
        ...


class NullWake:
    """Wakes nobody and remembers the last thousand pokes, for tests and for one-off commands."""

    def __init__(self) -> None:
        self.pokes: deque[Topic] = deque(maxlen=1_000)

    def poke(self, topic: Topic) -> None:
        """Remember it."""
        self.pokes.append(topic)


class SocketWake:
    """One machine: a datagram to the socket of whoever works on the topic, about 10 µs. For many threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def poke(self, topic: Topic) -> None:
        """Send; nobody there or a full socket is the listener's loss of one wake-up of many."""
        try:
            with _ShortPath(self._directory, ROUTES.get(topic, Role.ENGINE)) as path:
                self._socket.sendto(topic.encode(), path)
        except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                log.warning("wake_lost", topic=topic.value, error=str(error))

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()


class CeleryWake:
    """Many machines: `send` puts a message for the topic on the broker."""

    def __init__(self, send: Callable[[Topic], object]) -> None:
        self._send = send

    def poke(self, topic: Topic) -> None:
        """Send; a broker that is away costs a wake-up, not the work."""
        try:
            self._send(topic)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the rows are committed
            log.warning("wake_lost", topic=topic.value, error=str(error))


class WakeListener:
    """The ear of one process: collects what arrives, each topic once, and calls `heard` with it in its own thread.

    `heard` is called with everything that came since its last call, and while it works more is collected. It may hop
    to an event loop (`loop.call_soon_threadsafe`); what it raises is logged and the next wake-up comes all the same.
    """

    def __init__(self, directory: Path, role: Role, heard: Callable[[frozenset[Topic]], object]) -> None:
        self._directory = directory
        self._role = role
        self._heard = heard
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._listen, name=f"wake-{role}", daemon=True)
        self._closing = False

    def start(self) -> Self:
        """Take the place at the socket's path, from a predecessor too that was killed. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = f"{self._role}.{os.getpid()}"
        with _ShortPath(self._directory, fresh) as path:
            _remove(path)
            self._socket.bind(path)
            # Renamed into place, so that there is no moment without a listener.
            os.replace(path, os.path.join(os.path.dirname(path), f"{self._role}.sock"))
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening; returns when the thread has ended. The file stays for the successor."""
        self._closing = True
        self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._closing:
            topics = self._collect()
            if topics and not self._closing:
                try:
                    self._heard(topics)
                except Exception:
                    log.exception("wake_not_heard", role=self._role.value)

    def _collect(self) -> frozenset[Topic]:
        """Wait for one datagram and take all that are there with it."""
        topics: set[Topic] = set()
        flags = 0
        while True:
            try:
                name = self._socket.recv(DATAGRAM, flags)
            except BlockingIOError:
                return frozenset(topics)
            if not name:  # shut down, or an empty datagram
                return frozenset(topics)
            if name.decode("ascii", "replace") in _TOPICS:
                topics.add(Topic(name.decode("ascii")))
            flags = socket.MSG_DONTWAIT


class _ShortPath:
    """A path to a socket that fits the 108 bytes of a socket's address, however deep its directory lies."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name if "." in name else f"{name}.sock"
        self._handle = -1

    def __enter__(self) -> str:
        self._handle = os.open(self._directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._handle}/{self._name}"

    def __exit__(self, *failure: object) -> None:
        os.close(self._handle)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


_TOPICS = frozenset(topic.value for topic in Topic)
_backend: Wake | None = None


def run_directory() -> Path:
    """Where the sockets of this installation lie."""
    return Path(settings.DCT_DATA_DIR) / "run"


def configure(backend: Wake | None) -> Wake | None:
    """Choose how wake-ups travel in this process; None goes back to what the settings say. Returns what was chosen
    before.
    """
    global _backend
    before, _backend = _backend, backend
    return before


def poke(topic: Topic) -> None:
    """Wake whoever works on `topic`. Never waits, never raises."""
    if _backend is None:
        configure(import_string(settings.DCT_WAKE_BACKEND)())
    assert _backend is not None  # noqa: S101 - set in the line before
    _backend.poke(topic)


def poke_on_commit(topic: Topic) -> None:
    """Wake whoever works on `topic` once the current transaction is committed."""
    transaction.on_commit(partial(poke, topic), robust=True)
