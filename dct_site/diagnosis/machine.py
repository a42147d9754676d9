"""The machine: Python, the data directory and its disk, the sandbox that runs can have."""

import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from dct_site.diagnosis.findings import Finding, fail, ok, warn
from dct_site.kernel.process.sandbox import SandboxLevel, detect

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"})


def look_at_python() -> Iterable[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield ok("Python", f"{version}, SQLite {sqlite3.sqlite_version}")


def look_at_data_directory() -> Iterable[Finding]:
    place = Path(settings.DCT_DATA_DIR)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place):
            pass
    except OSError as error:
        yield fail("Data directory", f"{place} cannot be written ({error.strerror}); set DCT_DATA_DIR.")
        return
    usage = shutil.disk_usage(place)
    free = f"{usage.free / 2**30:.1f} GB free of {usage.total / 2**30:.0f} GB"
    if usage.free < usage.total * 0.02:
        yield fail("Data directory", f"{place}: {free}; webhooks are turned away below 2 %.")
    elif usage.free < usage.total * 0.05:
        yield warn("Data directory", f"{place}: {free}; no new workspaces are made below 5 %.")
    else:
        yield ok("Data directory", f"{place}: {free}")
    if place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warn("Data directory", f"others on this machine may look into {place}; `chmod 700` it.")
    yield from _keys(place / "keys")


def look_at_file_system() -> Iterable[Finding]:
    """SQLite's locks do not hold on network file systems."""
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite"):
        return
    kind = _file_system_of(Path(settings.DATABASES["default"]["NAME"]).parent)
    if kind in NETWORK_FILE_SYSTEMS:
        yield fail("File system", f"the SQLite file lies on {kind}; put it on a local disk or use PostgreSQL.")


def look_at_sandbox() -> Iterable[Finding]:
    level = detect()
    if level == SandboxLevel.NONE:
        yield warn("Sandbox", "none works here; install bubblewrap (on Debian: apt install bubblewrap).")
    else:
        yield ok("Sandbox", f"{level}")


def _keys(place: Path) -> Iterable[Finding]:
    for file in sorted(place.glob("*")) if place.is_dir() else []:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield fail("Keys", f"others may read {file}; `chmod 600` it.")


def _file_system_of(place: Path) -> str:
    """The type of the mount that a path lies on (Linux; empty elsewhere)."""
    best, kind = "", ""
    real = os.path.realpath(place)
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    for line in mounts:
        _, point, found, *_ = line.split(" ")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) > len(best):
            best, kind = point, found
    return kind
