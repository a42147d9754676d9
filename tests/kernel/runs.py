"""Real runs under a real shim, and what to look at after they ended."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dct_site.kernel.process.frames import Exit, Frame, Output, RunSpec
from dct_site.kernel.process.sandbox import Sandbox
from dct_site.kernel.process.spawn import ShimProcess

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
SUPERVISOR = Path(__file__).with_name("supervisor.py")

# A program that writes to a file every 5 ms, ignores SIGTERM, and leaves its parent behind twice over.
DAEMON = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
if os.fork():
    time.sleep(3600)
os.setsid()
if os.fork():
    os._exit(0)
with open(sys.argv[1], "a") as file:
    while True:
        file.write("x")
        file.flush()
        time.sleep(0.005)
"""


def spec(*argv: str, cwd: Path, **over: Any) -> RunSpec:
    """A run of `argv` in `cwd` with an otherwise empty environment."""
    return RunSpec(argv=argv, cwd=cwd, **{"env": ENV, **over})


def python(code: str, *arguments: str, cwd: Path, **over: Any) -> RunSpec:
    """A run of a piece of Python."""
    return spec(sys.executable, "-S", "-I", "-c", code, *arguments, cwd=cwd, **over)


def frames_of(run_spec: RunSpec, *, before: Callable[[ShimProcess], Any] | None = None) -> list[Frame]:
    """All frames of a run from its go to its end; `before` is awaited after the go."""

    async def collect() -> list[Frame]:
        async with await ShimProcess.start(run_spec) as run:
            await run.go()
            if before is not None:
                await before(run)
            return [frame async for frame in run]

    return asyncio.run(collect())


def exit_of(frames: list[Frame]) -> Exit:
    """The last frame, which ends every run."""
    last = frames[-1]
    assert isinstance(last, Exit)
    return last


def lines_of(frames: list[Frame], fd: int = 1) -> list[str]:
    """The lines on one stream."""
    return [frame.text for frame in frames if isinstance(frame, Output) and frame.fd == fd]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition; fail when it does not come."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.005)


async def async_until(condition: Callable[[], bool]) -> None:
    """As `wait_until`, with the loop going on."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file or a process, no event
            await asyncio.sleep(0.005)


def size(path: Path) -> int:
    """The size of a file, 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def mentioning(word: str) -> list[int]:
    """The processes whose command line holds `word`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path("/proc", name, "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(name))
    return found


def assert_nothing_is_left(path: Path) -> None:
    """No process that knows `path` lives, and the file at it has had its last write."""
    wait_until(lambda: not mentioning(str(path)))
    last = size(path)
    time.sleep(0.05)  # ten of the writer's periods
    assert size(path) == last


def start_supervisor(*, argv: list[str], cwd: Path, lease: float, margin: float, sandbox: Sandbox | None = None) -> Any:
    """A supervisor in a process of its own that renews its run's lease until it is killed."""
    wish = {"argv": argv, "cwd": str(cwd), "env": ENV, "lease": lease, "margin": margin}
    if sandbox is not None:
        wish["sandbox"] = [sandbox.level.value, list(sandbox.prefix), sandbox.depth]
    return subprocess.Popen(
        [sys.executable, str(SUPERVISOR), json.dumps(wish)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
