"""Writes files of a workspace: whole or not at all."""

import os
import secrets
import shutil
import stat
from pathlib import Path

from workspaces.files.names import parts_of
from workspaces.files.opening import directory
from workspaces.files.troubles import NotAFile, said_plainly

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomic(root: Path, relative: str, content: bytes, *, mode: int = 0o600, is_durable: bool = True) -> None:
    """Write a file so that readers see the old or the new content, never a part; directories on the way are made.

    ``is_durable`` waits until file and name are on disk (they survive a power cut, not only a killed process).
    Raises BadPath, NotAFile where a directory is in the way, NoSpace.
    """
    *above, name = parts_of(relative)
    with directory(root, above, create=True) as parent, said_plainly(relative):
        _refuse_directory(parent, name, relative)
        temporary = f".{secrets.token_hex(8)}.part"
        try:
            _write(parent, temporary, content, mode, is_durable=is_durable)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            _forget(parent, temporary)
            raise
        if is_durable:
            os.fsync(parent)


def _write(parent: int, name: str, content: bytes, mode: int, *, is_durable: bool) -> None:
    fd = os.open(name, _CREATE, mode, dir_fd=parent)
    with os.fdopen(fd, "wb", buffering=0) as file:
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        if is_durable:
            os.fsync(fd)


def _forget(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return


def _refuse_directory(parent: int, name: str, relative: str) -> None:
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise NotAFile(f"{relative} is a directory, not a file.")


def delete_file(root: Path, relative: str) -> bool:
    """Remove a file or a link (never what it points to); False where there was none."""
    *above, name = parts_of(relative)
    with directory(root, above) as parent, said_plainly(relative):
        _refuse_directory(parent, name, relative)
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return False
    return True


def make_directories(root: Path, *relatives: str) -> None:
    """Make directories below ``root`` (and ``root`` itself), mode 0700; those that exist stay."""
    with said_plainly("the directory"):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for relative in relatives:
        with directory(root, parts_of(relative), create=True):
            continue


def remove_tree(root: Path) -> None:
    """Remove a whole tree that DCT named itself; links in it are removed, not followed. Nothing there is fine."""
    if root.is_symlink():
        root.unlink()
        return
    shutil.rmtree(root, ignore_errors=not root.exists())
