"""The processes below one process, as /proc shows them, and how to end all of them.

Used by the shim for its own tree and by the reaper for the tree of a shim that lost its supervisor.
"""

from __future__ import annotations

import os
import time

SIGKILL, SIGTERM, SIGCONT, SIGSTOP = 9, 15, 18, 19  # Linux; the `signal` module costs an `enum` import at each start
STOP_ROUNDS = 100


def boot_id() -> str:
    """The kernel's id of this boot; process numbers and start times mean nothing without it."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_time(pid: int) -> int:
    """When the process started, in clock ticks since boot (proc(5), field 22); 0 when there is no such process."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def is_alive(pid: int) -> bool:
    """Whether the process can still run code. A zombie cannot, unless other threads outlive its first one."""
    fields = _stat(pid)
    return bool(fields) and (fields[0] not in ("Z", "X") or len(_threads(pid)) > 1)


def descendants(pid: int) -> list[tuple[int, int]]:
    """Everything below `pid` as (process, depth), children at depth 0, parents before children."""
    found: list[tuple[int, int]] = []
    seen = {pid}
    level = [pid]
    depth = 0
    while level:
        below = [child for parent in level for child in _children(parent) if child not in seen]
        seen.update(below)
        found.extend((child, depth) for child in below)
        level = below
        depth += 1
    return found


def send_signal(pid: int, number: int) -> bool:
    """Signal a process; False when it is gone or not ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def freeze(pid: int) -> list[int]:
    """Stop everything below `pid` until no new process appears; returns what was found.

    A killed parent's fork may already have happened; a stopped one forks no more. Hence stop all, then kill. By
    process group, which the kernel does in one go: one by one, a program that forks without end stays ahead.
    """
    groups = {_group(pid), _group(os.getpid())}
    stopped: set[int] = set()
    found: list[int] = []
    for _ in range(STOP_ROUNDS):
        found = [child for child, _ in descendants(pid)]
        fresh = [child for child in found if child not in stopped]
        if not fresh:
            break
        for child in fresh:
            group = _group(child)
            if group > 1 and group not in groups:
                groups.add(group)
                send_signal(-group, SIGSTOP)
            send_signal(child, SIGSTOP)
        groups = {_group(pid), _group(os.getpid())}
        stopped.update(fresh)
    return found


def kill_own_tree(group: int, patience: float) -> tuple[dict[int, int], int]:
    """End every descendant of this process, which must be a subreaper, and reap them; `group` is the first to die.

    Returns the wait status by process and the number of those still there after `patience` seconds (a process in
    an uninterruptible wait); 0 as a rule. That nothing is left is the kernel's word: `wait` knows no child.
    """
    statuses: dict[int, int] = {}
    until = time.monotonic() + patience
    pause = 0.0005
    send_signal(-group, SIGKILL)  # with it goes a sandbox, and with that everything inside, however fast it forks
    while True:
        for child in freeze(os.getpid()):
            send_signal(child, SIGKILL)
        if reap_children(statuses):
            return statuses, 0
        if time.monotonic() > until:
            return statuses, len(descendants(os.getpid()))
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def reap_children(statuses: dict[int, int]) -> bool:
    """Collect what has ended into `statuses`; True when there is no child left at all."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        statuses[pid] = status


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _stat(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            # The name stands in parentheses and may hold anything, parentheses too.
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _children_listed(pid: int) -> list[int]:
    children: list[int] = []
    for thread in _threads(pid):  # a child belongs to the thread that forked it
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                children.extend(int(child) for child in file.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return children


def _children_searched(pid: int) -> list[int]:
    """The slow way, for kernels built without CONFIG_PROC_CHILDREN."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields and int(fields[1]) == pid:
                found.append(int(name))
    return found


_children = _children_listed if os.path.exists(f"/proc/self/task/{os.getpid()}/children") else _children_searched
