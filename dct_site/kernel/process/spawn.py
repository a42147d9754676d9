"""The supervisor's side of a shim, for asyncio: start it, give the go, renew its lease, hear what the run says."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from dct_site.kernel.process.frames import Exit, ExitReason, Frame, RunSpec, Spawned, boot_clock, parse
from dct_site.kernel.process.identity import ProcessIdentity
from dct_site.kernel.process.reap import reap_orphan

log = structlog.get_logger(__name__)

SHIM = Path(__file__).with_name("shim.py")
CHUNK = 262_144
ENDING_SECONDS = 15.0  # the shim's own patience with a tree that does not die, and a little more


class ShimGone(Exception):
    """The shim has ended or does not take what it is sent; the run is dead or dying."""


class ShimProcess:
    """One run under its shim. Closing it, or the end of this process, ends the run.

    ```
    async with await ShimProcess.start(spec) as run:   # or start(), and give(spec) later
        await run.go()
        async for frame in run: ...        # the last one is an Exit
    ```
    Output that nobody iterates over makes the program wait; it is never held in memory here.
    """

    def __init__(self, popen: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self.identity = ProcessIdentity.of(popen.pid)
        self.program: ProcessIdentity | None = None
        self.exit: Exit | None = None
        self._mark = ""
        self._popen = popen
        self._channel = channel
        self._sending = asyncio.Lock()

    @classmethod
    async def start(cls, spec: RunSpec | None = None) -> Self:
        """Start a shim that holds `spec`, or waits for one. Raises OSError when not even that can be started."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                popen = subprocess.Popen(  # noqa: ASYNC220 - a vfork, half a millisecond
                    [sys.executable, "-S", "-I", "-X", "utf8", str(SHIM), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={},
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # no preexec_fn: that would fork the whole engine
                )
        except BaseException:
            ours.close()
            raise
        run = cls(popen, ours)
        if spec is not None:
            await run.give(spec)
        return run

    def is_running(self) -> bool:
        """Whether the shim itself still lives."""
        return self._popen.poll() is None

    async def give(self, spec: RunSpec) -> None:
        """Say what is to be run, once; from now on its lease counts. Raises ShimGone."""
        self._mark = spec.mark
        await self._send(spec.as_frame())

    async def go(self) -> None:
        """Let the program start; before this nothing of it runs."""
        await self._send({"go": True})

    async def renew(self, seconds: float) -> None:
        """Let the run live for `seconds` from now, less its margin."""
        await self._send({"renew": seconds, "at": boot_clock()})

    async def send(self, text: str) -> None:
        """Write to the program's standard input."""
        await self._send({"stdin": text})

    async def end_input(self) -> None:
        """Close the program's standard input after what was sent."""
        await self._send({"stdin_end": True})

    async def stop(self, grace: float) -> None:
        """Ask everything of the run to end (SIGTERM), and end it after `grace` seconds."""
        await self._send({"stop": grace})

    async def kill(self) -> None:
        """End everything of the run now; the Exit frame still comes."""
        await self._send({"kill": True})

    async def __aiter__(self) -> AsyncIterator[Frame]:
        """The frames up to and with the Exit. One reader only."""
        loop = asyncio.get_running_loop()
        held = bytearray()
        while self.exit is None:
            try:
                chunk = await loop.sock_recv(self._channel, CHUNK)
            except OSError:
                chunk = b""
            if not chunk:
                self.exit = await self._lost()
                yield self.exit
                return
            searched = len(held)
            held += chunk
            if held.find(b"\n", searched) < 0:
                continue
            *lines, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            for line in lines:
                yield self._heard(parse(line))

    async def wait(self) -> Exit:
        """The Exit, dropping every other frame."""
        async for _ in self:
            pass
        assert self.exit is not None  # noqa: S101 - the iteration ends with it
        return self.exit

    async def close(self) -> None:
        """End the run if it still lives, and the shim; returns when nothing of it is left."""
        self._channel.close()
        for _ in range(int(ENDING_SECONDS / 0.005)):
            if self._popen.poll() is not None:
                return
            await asyncio.sleep(0.005)
        await asyncio.to_thread(self._reap)
        await asyncio.to_thread(self._popen.wait)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self.close())

    def _heard(self, frame: Frame) -> Frame:
        if isinstance(frame, Spawned):
            self.program = frame.program
        elif isinstance(frame, Exit):
            self.exit = frame
        return frame

    async def _send(self, frame: dict[str, Any]) -> None:
        line = json.dumps(frame, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        async with self._sending:
            try:
                await asyncio.get_running_loop().sock_sendall(self._channel, line)
            except asyncio.CancelledError:
                # Half a frame may be out: the next would be read as its rest. Closing ends the run instead.
                self._channel.close()
                raise
            except OSError as error:
                raise ShimGone(f"shim {self.identity.pid} is gone") from error

    async def _lost(self) -> Exit:
        """The channel ended without an Exit: somebody killed the shim. Its sandbox died with it; look for the rest."""
        await asyncio.to_thread(self._reap)
        log.warning("shim_lost", shim=self.identity.pid)
        return Exit(reason=ExitReason.LOST, detail="The run's supervisor process was killed from outside.")

    def _reap(self) -> None:
        reap_orphan(self.identity.pid, self.identity.start_time, self.identity.boot_id, mark=self._mark)
        if self.program is not None:
            reap_orphan(self.program.pid, self.program.start_time, self.program.boot_id)
