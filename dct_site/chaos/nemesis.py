"""Breaks an installation in the order that its seed says: kills and stops processes, lets them die at named places,
sets the clock, drops wake-ups, empties Redis.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import redis

from dct_site.bench.installation import descendants
from dct_site.chaos.points import POINTS
from dct_site.kernel.crashpoints import SPRUNG

STOPPED_S = (0.2, 1.5)
PAUSE_S = (0.3, 1.2)
STEP_S = (-20.0, -3.0, 3.0, 20.0)
TRAP_S = 4.0
Say = Callable[[str], None]


class Nemesis:
    """``parents`` are the process ids whose descendants it may hit, never they themselves: who starts others again is
    the service manager's part. ``broker`` is a Redis to empty, ``data`` the directory with the sockets of wake-ups;
    ``trap`` and ``clock`` are what DCT_CRASH_FILE and DCT_CLOCK_FILE name. ``sprung``: the places where one has died.
    """

    def __init__(
        self,
        seed: int,
        parents: Callable[[], Sequence[int]],
        data: Path,
        *,
        trap: Path,
        clock: Path,
        broker: str = "",
        say: Say = print,
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._parents = parents
        self._data = data
        self._broker = broker
        self._say = say
        self._trap = trap
        self._clock = clock
        self.sprung: list[str] = []
        self._deeds = [
            self.kill,
            self.kill,
            self.stop_and_continue,
            self.drop_wake_ups,
            self.set_a_trap,
            self.set_a_trap,
            self.set_a_trap,
            self.set_the_clock,
        ]
        if broker:
            self._deeds.append(self.flush)

    def rage(self, seconds: float) -> int:
        """One deed after the other for so long; how many."""
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            time.sleep(self._random.uniform(*PAUSE_S))
            self._random.choice(self._deeds)()
            self._look_at_the_trap()
            done += 1
        self._trap.unlink(missing_ok=True)
        self._look_at_the_trap()
        self._clock.unlink(missing_ok=True)
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

    def set_a_trap(self) -> None:
        """Of all processes, the next one to come by a named place dies there. A trap stays for some seconds: there is
        little to come by while everybody starts again.
        """
        with suppress(FileNotFoundError):
            if time.time() - self._trap.stat().st_mtime < TRAP_S:
                return
        place = self._random.choice(POINTS)
        self._say(f"who comes by {place} dies")
        whole = self._trap.with_suffix(".new")
        whole.write_text(place)
        whole.rename(self._trap)

    def set_the_clock(self) -> None:
        """Every process on this machine sees another wall clock from now on; a database server on its own does not."""
        seconds = self._random.choice(STEP_S)
        self._say(f"the clock is set to {seconds:+.0f} s")
        self._clock.write_text(str(seconds))

    def _look_at_the_trap(self) -> None:
        sprung = Path(f"{self._trap}{SPRUNG}")
        with suppress(FileNotFoundError):
            self.sprung.append(sprung.read_text())
            sprung.unlink()
            self._say(f"one has died at {self.sprung[-1]}")

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
