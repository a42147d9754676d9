"""One run from its go to its end: the shim's side of the control channel.

Frames are JSON objects, one a line. From the supervisor: `{"spec": {...}}` first (a shim may be started long before),
then `{"go": true}` (nothing runs before it), `{"renew": seconds, "at": boot clock}`, `{"stdin": text}`,
`{"stdin_end": true}`, `{"stop": grace}`,
`{"kill": true}`. To the supervisor: `{"spawned", "start_time", "boot_id"}`, `{"out": text, "fd": 1|2, "ended": bool}`
(`ended` is false for a piece without its newline), `{"stdin_refused": bytes}`, and last
`{"exit", "signal", "reason", "detail", "left", "out_bytes"}`.

The run lives no longer than its lease. The deadline is `at` + `renew` - margin by CLOCK_BOOTTIME, which goes on
while the machine sleeps; a renewal that lay in the channel while the shim was stopped is as old as it is.
"""

# ruff: noqa: TID252 - the shim imports this package under another name, without the project on its path
from __future__ import annotations

import os
import select
import time

from . import shim_child, shim_tree
from .shim_frames import CHUNK, Channel, SupervisorGone
from .shim_lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .shim_frames import Frame

TICK = 0.1  # seconds between looks at the size of the tree
KILL_PATIENCE = 10.0  # seconds for processes in an uninterruptible wait
LINGER = 120.0  # seconds without progress for a supervisor to read what a dead run left
STDIN_FULL = 16 * 1024 * 1024
NEVER = float("inf")


def boot_clock() -> float:
    """Seconds since boot, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Shim:
    """The state of one run, driven by `run()` until nothing of it is left."""

    def __init__(self, control: int) -> None:
        self._channel = Channel(control)
        self._spec: dict[str, Any] = {}
        self._child: shim_child.Child | None = None
        self._pidfd = -1
        self._streams: dict[int, tuple[int, Lines]] = {}
        self._stdin = bytearray()
        self._stdin_ends = False
        self._statuses: dict[int, int] = {}
        # Without a spec it waits as long as its supervisor lives: it may have been started ahead.
        self._lease_until = NEVER
        self._wall_until = self._stop_until = self._linger_until = NEVER
        self._next_count = 0.0
        self._out_bytes = 0
        self._reason = ""
        self._detail = ""
        self._left = 0
        self._exit_told = False

    def run(self) -> int:
        """Serve the channel to the end. Returns the shim's own exit code: 0, or 1 when its supervisor was gone."""
        shim_child.adopt_orphans()
        try:
            while self._channel.has_more or not self._exit_told:
                self._turn()
        except SupervisorGone:
            self._finish("killed:eof")
            return 1
        return 0

    def _turn(self) -> None:
        ready = self._wait()
        if self._channel.fd in ready:
            for frame in self._channel.read():
                self._obey(frame)
        if not self._channel.is_full:
            for fd in [fd for fd in self._streams if fd in ready or self._reason]:
                self._read_stream(fd)
        self._write_stdin()
        self._look_at_child()
        self._look_at_clocks()
        if self._reason and not self._streams and not self._exit_told:
            self._tell_exit()
        if self._channel.flush() and self._reason:
            self._linger_until = boot_clock() + LINGER

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(self._channel.fd, select.POLLIN | (select.POLLOUT if self._channel.has_more else 0))
        if not self._channel.is_full:
            for fd in self._streams:
                poll.register(fd, select.POLLIN)
        if self._child and self._child.stdin >= 0 and self._stdin:
            poll.register(self._child.stdin, select.POLLOUT)
        if self._pidfd >= 0:
            poll.register(self._pidfd, select.POLLIN)
        if not self._spec:
            return dict(poll.poll())
        now = boot_clock()
        wake_at = now + TICK
        if not self._reason:
            wake_at = min(wake_at, self._lease_until, self._wall_until, self._stop_until)
        return dict(poll.poll(max(0.0, wake_at - now) * 1000 + 1))

    # From the supervisor

    def _obey(self, frame: Frame) -> None:
        if "spec" in frame:
            self._spec = frame["spec"]
            self._renew(self._spec["lease"], self._spec["at"])
        elif not self._spec:
            raise SupervisorGone
        elif "renew" in frame:
            self._renew(frame["renew"], frame["at"])
        elif "go" in frame:
            self._go()
        elif "stdin" in frame:
            self._take_stdin(frame["stdin"])
        elif "stdin_end" in frame:
            self._stdin_ends = True
        elif "stop" in frame:
            self._stop(float(frame["stop"]))
        elif "kill" in frame:
            self._finish("killed:request")

    def _renew(self, seconds: float, at: float) -> None:
        self._lease_until = min(at, boot_clock()) + seconds - self._spec["margin"]

    def _go(self) -> None:
        if self._child is not None or self._reason or boot_clock() >= self._lease_until:
            return
        spec = self._spec
        try:
            child = shim_child.start_child(
                prefix=spec["prefix"], argv=spec["argv"], cwd=spec["cwd"], env=spec["env"], limits=spec["limits"]
            )
        except shim_child.NotStarted as failure:
            self._reason, self._detail = "not_started:" + failure.code, str(failure)
            return
        self._child = child
        try:
            self._pidfd = os.pidfd_open(child.pid)
        except OSError:
            self._pidfd = -1  # a kernel without: the tick notices the end
        self._streams = {fd: (name, Lines(spec["line_bytes"])) for fd, name in ((child.stdout, 1), (child.stderr, 2))}
        if spec["limits"].get("wall_clock"):
            self._wall_until = boot_clock() + spec["limits"]["wall_clock"]
        started = shim_tree.start_time(child.pid)
        self._channel.tell({"spawned": child.pid, "start_time": started, "boot_id": shim_tree.boot_id()})

    def _stop(self, grace: float) -> None:
        if self._child is None:
            self._finish("stopped")
        elif not self._reason and self._stop_until == NEVER:
            self._stop_until = boot_clock() + grace
            # A sandbox's own processes sit above the program; they would take it down without any grace.
            for pid, depth in shim_tree.descendants(os.getpid()):
                if depth >= self._spec["prefix_depth"]:
                    shim_tree.send_signal(pid, shim_tree.SIGTERM)
                    shim_tree.send_signal(pid, shim_tree.SIGCONT)

    def _take_stdin(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if self._stdin_ends or self._reason or len(self._stdin) + len(data) > STDIN_FULL:
            self._channel.tell({"stdin_refused": len(data)})
        else:
            self._stdin += data

    def _write_stdin(self) -> None:
        if self._child is None or self._child.stdin < 0:
            return
        try:
            while self._stdin:
                del self._stdin[: os.write(self._child.stdin, self._stdin[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:  # the program closed its input
            self._channel.tell({"stdin_refused": len(self._stdin)})
            self._stdin.clear()
            self._stdin_ends = True
        if self._stdin_ends:
            os.close(self._child.stdin)
            self._child.stdin = -1

    # From the program

    def _read_stream(self, fd: int) -> None:
        number, lines = self._streams[fd]
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            if self._reason:  # the run is over; whoever still holds the pipe is no part of it
                self._close_stream(fd)
            return
        if not chunk:
            self._close_stream(fd)
            return
        cap = self._spec["limits"].get("output_bytes") or NEVER
        room = cap - self._out_bytes
        self._out_bytes += len(chunk)
        texts = lines.feed(chunk if len(chunk) <= room else chunk[: int(max(0, room))])
        self._tell_texts(number, texts)
        if self._out_bytes > cap:
            self._finish("killed:output")
            for each in list(self._streams):
                self._close_stream(each)

    def _close_stream(self, fd: int) -> None:
        number, lines = self._streams.pop(fd)
        self._tell_texts(number, lines.end())
        os.close(fd)

    def _tell_texts(self, number: int, texts: list[tuple[str, bool]]) -> None:
        for text, ended in texts:
            self._channel.tell({"out": text, "fd": number, "ended": ended})

    def _look_at_child(self) -> None:
        if self._child is None or self._reason:
            return
        shim_tree.reap_children(self._statuses)
        if self._child.pid in self._statuses:
            self._finish("exited" if self._stop_until == NEVER else "stopped")
            return
        most = self._spec["limits"].get("processes")
        now = boot_clock()
        if most and now >= self._next_count:
            self._next_count = now + TICK
            if len(shim_tree.descendants(os.getpid())) > most + self._spec["prefix_depth"]:
                self._finish("killed:processes")

    def _look_at_clocks(self) -> None:
        now = boot_clock()
        if now >= self._linger_until:
            raise SupervisorGone
        if now >= self._lease_until:
            self._finish("killed:lease")
        elif now >= self._wall_until:
            self._finish("killed:wall_clock")
        elif now >= self._stop_until:
            self._finish("stopped")

    # The end

    def _finish(self, reason: str) -> None:
        """Decide how the run ended, once, and leave nothing of it alive."""
        if self._reason:
            return
        self._reason = reason
        if self._child is not None:
            statuses, self._left = shim_tree.kill_own_tree(self._child.pid, KILL_PATIENCE)
            self._statuses.update(statuses)
        self._linger_until = boot_clock() + LINGER
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _tell_exit(self) -> None:
        status = self._statuses.get(self._child.pid) if self._child else None
        code = None if status is None else os.waitstatus_to_exitcode(status)
        self._channel.tell(
            {
                "exit": code if code is not None and code >= 0 else None,
                "signal": -code if code is not None and code < 0 else None,
                "reason": self._reason,
                "detail": self._detail,
                "left": self._left,
                "out_bytes": self._out_bytes,
            }
        )
        self._exit_told = True
