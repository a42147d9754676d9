"""Breaks an installation in the order that its seed says: kills and stops processes, drops wake-ups, empties Redis."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import redis

from dct_site.bench.installation import descendants

STOPPED_S = (0.2, 1.5)
PAUSE_S = (0.3, 1.2)
Say = Callable[[str], None]


class Nemesis:
    """``parents`` are the process ids whose descendants it may hit, never they themselves: who starts others again is
    the service manager's part. ``broker`` is a Redis to empty, ``data`` the directory with the sockets of wake-ups.
    """

    def __init__(
        self, seed: int, parents: Callable[[], Sequence[int]], data: Path, broker: str = "", say: Say = print
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._parents = parents
        self._data = data
        self._broker = broker
        self._say = say
        self._deeds = [self.kill, self.kill, self.stop_and_continue, self.drop_wake_ups]
        if broker:
            self._deeds.append(self.flush)

    def rage(self, seconds: float) -> int:
        """One deed after the other for so long; how many."""
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            time.sleep(self._random.uniform(*PAUSE_S))
            self._random.choice(self._deeds)()
            done += 1
        return done

    def kill(self) -> None:
        """``kill -9`` of any process of the installation: web, engine, a shim, an agent."""
        victim = self._victim()
        if victim:
            self._say(f"kill -9 {_name(victim)}")
            _send(victim, signal.SIGKILL)

    def stop_and_continue(self) -> None:
        """SIGSTOP, and SIGCONT when others have gone on without it."""
        victim = self._victim()
        if victim:
            seconds = self._random.uniform(*STOPPED_S)
            self._say(f"SIGSTOP {_name(victim)} for {seconds:.1f} s")
            _send(victim, signal.SIGSTOP)
            time.sleep(seconds)
            _send(victim, signal.SIGCONT)

    def drop_wake_ups(self) -> None:
        """Nobody is reached by a wake-up any more, until the listener is started again: only sweeps are left."""
        self._say("wake-ups are dropped")
        for path in (self._data / "run").glob("*.sock"):
            path.unlink(missing_ok=True)

    def flush(self) -> None:
        """FLUSHALL: whatever lay in Redis is gone."""
        self._say("FLUSHALL")
        with suppress(redis.RedisError):
            redis.Redis.from_url(self._broker).flushall()

    def _victim(self) -> int:
        """A process below the parents, by its place and not by its number: numbers are others in each run."""
        found = [pid for parent in self._parents() for pid in descendants(parent)]
        return self._random.choice(found) if found else 0


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _name(pid: int) -> str:
    """What the process is, for people."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return str(pid)
    named = [word for word in words if word.startswith("dct_site.") or word.endswith(("shim.py", "shim_child.py"))]
    return f"{pid} ({named[0] if named else words[0]})"
