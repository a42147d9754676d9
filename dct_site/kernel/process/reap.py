"""Ending a run whose supervisor is gone: the shim and everything below it, and nothing else."""

import os
import signal
import time
from collections.abc import Iterable

import structlog

from dct_site.kernel.process import shim_tree
from dct_site.kernel.process.identity import ProcessIdentity

log = structlog.get_logger(__name__)

MARK = "DCT_RUN_MARK"
PATIENCE = 10.0  # seconds for processes in an uninterruptible wait


def reap_orphan(pid: int, start_time: int, boot_id: str, *, mark: str = "") -> int:
    """Kill a shim and its tree, if process number, start time and boot all agree. Returns how many were killed.

    With the run's `mark` (`RunSpec.mark`) also what was adopted by init because the shim itself had been killed.
    Blocking, a few milliseconds; up to `PATIENCE` seconds when a process hangs in the kernel.
    """
    shim = ProcessIdentity(pid, start_time, boot_id)
    killed = _kill_tree(shim) if shim.is_running() else 0
    killed += kill_marked(mark) if mark else 0
    if killed:
        log.warning("orphan_reaped", shim=pid, killed=killed)
    return killed


def kill_marked(mark: str) -> int:
    """Kill every process of this user that carries the run's mark in its environment. Returns how many."""
    wanted = f"{MARK}={mark}".encode()
    killed: set[int] = set()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = [pid for pid in _processes() if shim_tree.is_alive(pid) and wanted in _environment(pid)]
        if not found:
            break
        for number in (shim_tree.SIGSTOP, shim_tree.SIGKILL):  # stopped first: a killed parent may just have forked
            for pid in found:
                shim_tree.send_signal(pid, number)
        killed.update(found)
        time.sleep(0.002)
    return len(killed)


def _kill_tree(shim: ProcessIdentity) -> int:
    try:
        handle = os.pidfd_open(shim.pid)
    except ProcessLookupError:
        return 0
    try:
        if not shim.is_running():  # asked again: the handle now holds the number, whoever has it
            return 0
        # Stopped, not killed: it keeps adopting what loses its parent, so that nothing gets away to init.
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        killed = _kill_below(shim.pid)
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    until = time.monotonic() + PATIENCE
    while shim.is_running() and time.monotonic() < until:
        time.sleep(0.001)
    return killed + 1


def _kill_below(pid: int) -> int:
    killed: set[int] = set()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        alive = [child for child in shim_tree.freeze(pid) if shim_tree.is_alive(child)]
        if not alive:
            break
        for child in alive:
            shim_tree.send_signal(child, shim_tree.SIGKILL)
        killed.update(alive)
        time.sleep(0.001)
    return len(killed)


def _processes() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
