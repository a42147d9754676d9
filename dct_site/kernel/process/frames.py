"""What a supervisor gives a shim and hears from it, as types. The wire form is told in `shim_loop`."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from dct_site.kernel.process.identity import ProcessIdentity
from dct_site.kernel.process.reap import MARK
from dct_site.kernel.process.sandbox import Sandbox, SandboxLevel

MEBIBYTE = 1024 * 1024
UNSANDBOXED = Sandbox(SandboxLevel.NONE)


class ExitReason(StrEnum):
    """Why a run ended."""

    EXITED = "exited"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"
    KILLED_ON_REQUEST = "killed:request"
    KILLED_BY_LEASE = "killed:lease"
    KILLED_BY_EOF = "killed:eof"
    KILLED_BY_WALL_CLOCK = "killed:wall_clock"
    KILLED_BY_OUTPUT = "killed:output"
    KILLED_BY_PROCESSES = "killed:processes"
    LOST = "lost"


class StartFailure(StrEnum):
    """Why a program was never started."""

    COMMAND_NOT_FOUND = "command_not_found"
    NOT_EXECUTABLE = "not_executable"
    NO_DIRECTORY = "no_directory"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take; 0 means no limit of its own.

    Seconds from the go, bytes of stdout and stderr together, processes in the tree, and per process: open files,
    bytes of one file, bytes of address space.
    """

    wall_clock: float = 3600.0
    output_bytes: int = 256 * MEBIBYTE
    processes: int = 256
    nofile: int = 1024
    fsize_bytes: int = 1024 * MEBIBYTE
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One program to run. `env` is the whole environment; nothing is inherited.

    `lease` and `margin` in seconds: the run dies `margin` before a lease that nobody renewed is over. `mark`, when
    given, goes into the environment as DCT_RUN_MARK, for `reap_orphan` after the shim itself was killed.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: Limits = field(default_factory=Limits)
    lease: float = 30.0
    margin: float = 5.0
    sandbox: Sandbox = UNSANDBOXED
    line_bytes: int = 16 * MEBIBYTE
    mark: str = ""

    def as_frame(self) -> dict[str, Any]:
        """The first frame that a shim gets."""
        if not self.argv:
            raise ValueError("A run needs a command.")
        return {
            "spec": {
                "argv": list(self.argv),
                "prefix": list(self.sandbox.prefix),
                "prefix_depth": self.sandbox.depth,
                "cwd": str(self.cwd),
                "env": {**self.env, **({MARK: self.mark} if self.mark else {})},
                "limits": asdict(self.limits),
                "lease": self.lease,
                "margin": self.margin,
                "line_bytes": self.line_bytes,
                "at": boot_clock(),
            }
        }


@dataclass(frozen=True, slots=True)
class Spawned:
    """The program runs; `program` is the direct child of the shim (a sandbox, where there is one)."""

    program: ProcessIdentity


@dataclass(frozen=True, slots=True)
class Output:
    """One line of the program on stdout (1) or stderr (2), without its newline; U+FFFD where it was no UTF-8.

    `ended` is false for a piece of a longer line and for a last line without newline. May contain NUL.
    """

    text: str
    fd: int
    ended: bool


@dataclass(frozen=True, slots=True)
class StdinRefused:
    """So many bytes of what was sent will never be read: the program closed its input, or 16 MiB are waiting."""

    count: int


@dataclass(frozen=True, slots=True)
class Exit:
    """The last frame of a run. Nothing of it is alive, unless `left` counts processes that hang in the kernel."""

    reason: ExitReason
    code: int | None = None  # behind a sandbox, 128 + n also stands for a program that signal n ended
    signal: int | None = None
    failure: StartFailure | None = None
    detail: str = ""
    left: int = 0
    out_bytes: int = 0


Frame = Spawned | Output | StdinRefused | Exit


def boot_clock() -> float:
    """Seconds since boot, sleep included; what a lease is measured by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parse(line: bytes) -> Frame:
    """One line from a shim. Raises ValueError or KeyError when it is none of its frames."""
    raw = json.loads(line)
    if "out" in raw:
        return Output(text=raw["out"], fd=raw["fd"], ended=raw["ended"])
    if "spawned" in raw:
        return Spawned(ProcessIdentity(raw["spawned"], raw["start_time"], raw["boot_id"]))
    if "stdin_refused" in raw:
        return StdinRefused(raw["stdin_refused"])
    reason, _, failure = raw["reason"].partition("not_started:")
    return Exit(
        reason=ExitReason.NOT_STARTED if failure else ExitReason(reason),
        code=raw["exit"],
        signal=raw["signal"],
        failure=StartFailure(failure) if failure else None,
        detail=raw["detail"],
        left=raw["left"],
        out_bytes=raw["out_bytes"],
    )
