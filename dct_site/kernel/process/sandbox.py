"""How far this machine can wall a run off, and the words before its command that do it.

`bubblewrap`: the file system read-only, only the workspace writable, DCT's data, /run and /tmp out of sight, own
processes, own network (none, unless granted), no capabilities.
`unshare`: own processes and network, but the files of the user who runs DCT.
`none`: process group, limits and lease only; a same-user program can read DCT's environment and files.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

PROBE_SECONDS = 10.0


class SandboxLevel(StrEnum):
    """Strongest first."""

    BUBBLEWRAP = "bubblewrap"
    UNSHARE = "unshare"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What to put before a command: `prefix`, which leaves `depth` processes of its own above the program."""

    level: SandboxLevel
    prefix: tuple[str, ...] = ()
    depth: int = 0


@cache
def detect() -> SandboxLevel:
    """The strongest level that really runs a program here; tried once per process, a few milliseconds."""
    for level in (SandboxLevel.BUBBLEWRAP, SandboxLevel.UNSHARE):
        if _works(level):
            return level
    return SandboxLevel.NONE


def sandbox(
    level: SandboxLevel,
    *,
    workspace: Path,
    readonly: Sequence[Path] = (),
    hidden: Sequence[Path] = (),
    network: bool = False,
) -> Sandbox:
    """The sandbox of one run.

    `hidden` directories (DCT's data directory) appear empty; then `readonly` paths and the writable `workspace` are
    put back, wherever they lie. All paths absolute and existing; `hidden` ones may be missing. Only bubblewrap hides.
    The program starts in the directory that the caller sets; one that is hidden turns into HOME or /.
    """
    if level is SandboxLevel.BUBBLEWRAP:
        return Sandbox(level, tuple(_bubblewrap(workspace, readonly, hidden, network)), depth=2)
    if level is SandboxLevel.UNSHARE:
        return Sandbox(level, tuple(_unshare(network)), depth=2)
    return Sandbox(level)


def wrap(
    level: SandboxLevel,
    argv: Sequence[str],
    workspace: Path,
    *,
    readonly: Sequence[Path] = (),
    hidden: Sequence[Path] = (),
    network: bool = False,
) -> list[str]:
    """`argv` behind the sandbox of `level`, as one command line for callers that use no shim."""
    return [*sandbox(level, workspace=workspace, readonly=readonly, hidden=hidden, network=network).prefix, *argv]


def _bubblewrap(workspace: Path, readonly: Sequence[Path], hidden: Sequence[Path], network: bool) -> list[str]:
    words = [_path_of("bwrap"), "--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if not network:
        words.append("--unshare-net")
    # /run holds sockets of the host's daemons (a container engine's is the host), reachable though read-only.
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run"]  # noqa: S108
    if network:
        names = Path("/etc/resolv.conf").resolve()  # often a link into /run
        if names.is_relative_to("/run"):
            words += ["--ro-bind-try", str(names), str(names)]
    for path in hidden:
        if path.is_dir():
            words += ["--tmpfs", str(path)]
    for path in readonly:
        words += ["--ro-bind", str(path), str(path)]
    return [*words, "--bind", str(workspace), str(workspace), "--"]


def _unshare(network: bool) -> list[str]:
    words = [_path_of("unshare")]
    if os.geteuid() != 0:
        words += ["--user", "--map-current-user"]
    words += ["--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--uts"]
    if not network:
        words.append("--net")
    # Process 1 of the new space ignores every signal it does not handle, SIGTERM among them: a shell takes that place.
    return [*words, "--", "/bin/sh", "-c", '"$@"; exit $?', "sh"]


def _works(level: SandboxLevel) -> bool:
    workspace = Path("/var/tmp")  # noqa: S108 - any directory outside /tmp and /run
    try:
        words = wrap(level, ["/bin/true"], workspace)
        # As in a run: a set-uid bubblewrap works without this flag and fails with it.
        if shutil.which("setpriv"):
            words = [_path_of("setpriv"), "--no-new-privs", *words]
        probe = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _path_of(program: str) -> str:
    path = shutil.which(program, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    if path is None:
        raise FileNotFoundError(program)
    return path
