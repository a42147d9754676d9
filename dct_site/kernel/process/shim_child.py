"""How the shim starts the program of a run: own session, own limits, an environment built from nothing."""

# ruff: noqa: TID252 - the shim imports this package under another name, without the project on its path
from __future__ import annotations

import ctypes
import os
import resource

from .shim_tree import SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_SIGNALS = range(1, 65)
NICENESS = 10  # a run that computes must not keep the door waiting; the shim itself stays as it is
_libc = ctypes.CDLL(None, use_errno=True)

_RLIMITS = (
    ("nofile", resource.RLIMIT_NOFILE),
    ("fsize_bytes", resource.RLIMIT_FSIZE),
    ("memory_bytes", resource.RLIMIT_AS),
)


class NotStarted(Exception):
    """The program could not be started; `code` is a word for machines, the text a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Child:
    """A started program: its process number and the shim's ends of its three pipes."""

    def __init__(self, pid: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid, self.stdin, self.stdout, self.stderr = pid, stdin, stdout, stderr


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that a double fork cannot leave the tree."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # The shim holds the run's environment in memory: a child of the same user must not be able to read it.
    _prctl(_PR_SET_DUMPABLE, 0)


def start_child(
    *, prefix: Sequence[str], argv: Sequence[str], cwd: str, env: Mapping[str, str], limits: Mapping[str, int]
) -> Child:
    """Start `argv` behind the sandbox `prefix`. Raises NotStarted; afterwards the program is really executing."""
    program = _find(argv[0], cwd, env.get("PATH", ""))
    if not os.path.isdir(cwd):
        raise NotStarted("no_directory", f"The working directory {cwd} does not exist.")
    pipes = [os.pipe() for _ in range(4)]  # stdin, stdout, stderr, failure of exec
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become([*prefix, program, *argv[1:]], cwd, env, limits, parent, pipes)
    (stdin_out, stdin_in), (out, out_in), (err, err_in), (failure, failure_in) = pipes
    for fd in (stdin_out, out_in, err_in, failure_in):
        os.close(fd)
    complaint = os.read(failure, 4096).decode("utf-8", "replace")
    os.close(failure)
    if complaint:
        for fd in (stdin_in, out, err):
            os.close(fd)
        os.waitpid(pid, 0)
        raise NotStarted("not_executable", f"{(prefix or argv)[0]} could not be started: {complaint}.")
    for fd in (stdin_in, out, err):
        os.set_blocking(fd, False)
    return Child(pid, stdin_in, out, err)


def _find(name: str, cwd: str, path: str) -> str:
    """The program's path. Looked up here so that a missing command is told as such, and not by a sandbox's stderr."""
    if "/" in name:
        candidates = [os.path.join(cwd, name)]
    else:
        candidates = [os.path.join(folder, name) for folder in path.split(":") if folder]
    for candidate in candidates:
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    if any(os.path.isfile(candidate) for candidate in candidates):
        raise NotStarted("not_executable", f"The command {name} is not executable.")
    raise NotStarted("command_not_found", f"The command {name} was not found.")


def _become(
    argv: list[str],
    cwd: str,
    env: Mapping[str, str],
    limits: Mapping[str, int],
    parent: int,
    pipes: list[tuple[int, int]],
) -> NoReturn:
    """In the fork: turn into the program. Never returns; a failure goes up the last pipe as text."""
    try:
        os.setsid()
        # Should the shim be killed outright, at least its direct child (and with it a sandbox) goes too.
        _prctl(_PR_SET_PDEATHSIG, SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        for number in _SIGNALS:  # what Python, or the nohup that DCT runs under, ignores would stay so over exec
            _libc.signal(number, None)
        os.dup2(pipes[0][0], 0)
        os.dup2(pipes[1][1], 1)
        os.dup2(pipes[2][1], 2)
        os.chdir(cwd)
        os.nice(NICENESS)
        _limit(limits)
        os.execve(argv[0], argv, dict(env))
    except BaseException as failure:  # noqa: BLE001 - whatever it is, this fork must not go on as a second shim
        reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
        os.write(pipes[3][1], (reason or "it failed").encode("utf-8", "replace")[:4096])
    finally:
        os._exit(127)


def _limit(limits: Mapping[str, int]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, number in _RLIMITS:
        wanted = limits.get(name)
        if wanted:
            _, hard = resource.getrlimit(number)
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(number, (most, most))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"prctl {option}")
