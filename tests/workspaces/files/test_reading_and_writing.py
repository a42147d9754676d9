"""Files are read and written inside their root only, whole or not at all."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from workspaces import files

pytestmark = pytest.mark.one_pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    files.make_directories(root, "work", "feedback")
    (tmp_path / "secret").write_text("outside")
    return root


def test_what_is_written_is_read_again(root: Path) -> None:
    files.write_atomic(root, "work/deep/er/note.md", b"hello")
    assert files.read_all(root, "work/deep/er/note.md") == b"hello"
    assert files.size_of(root, "work/deep/er/note.md") == 5
    assert files.checksum(root, "work/deep/er/note.md") == hashlib.sha256(b"hello").hexdigest()
    assert stat.S_IMODE((root / "work/deep/er/note.md").stat().st_mode) == 0o600


def test_a_range_is_read(root: Path) -> None:
    files.write_atomic(root, "work/x", b"0123456789", is_durable=False)
    assert files.read_range(root, "work/x", start=3, length=4) == b"3456"
    assert files.read_range(root, "work/x", start=8, length=99) == b"89"


def test_a_file_above_the_limit_is_not_read_whole(root: Path) -> None:
    files.write_atomic(root, "work/x", b"0123456789")
    with pytest.raises(files.NotAFile):
        files.read_all(root, "work/x", limit=9)


@pytest.mark.parametrize("link_at", ["work/link", "link/secret", "work"])
def test_a_link_is_never_followed(root: Path, link_at: str) -> None:
    if link_at == "work/link":
        (root / "work/link").symlink_to(root.parent / "secret")
    elif link_at == "work":
        (root / "work").rmdir()
        (root / "work").symlink_to(root.parent)
        link_at = "work/secret"
    else:
        (root / "link").symlink_to(root.parent)
    with pytest.raises(files.BadPath):
        files.open_inside(root, link_at)


def test_nothing_is_written_through_a_linked_directory(root: Path) -> None:
    (root / "work").rmdir()
    (root / "work").symlink_to(root.parent)
    with pytest.raises(files.BadPath):
        files.write_atomic(root, "work/secret", b"taken over")
    assert (root.parent / "secret").read_text() == "outside"


def test_a_link_in_the_way_is_replaced_and_its_target_stays(root: Path) -> None:
    (root / "work/x").symlink_to(root.parent / "secret")
    files.write_atomic(root, "work/x", b"mine")
    assert (root.parent / "secret").read_text() == "outside"
    assert not (root / "work/x").is_symlink()


def test_a_hard_link_to_a_file_outside_is_not_read(root: Path) -> None:
    os.link(root.parent / "secret", root / "work/x")
    with pytest.raises(files.NotAFile, match="hard link"):
        files.open_inside(root, "work/x")


def test_a_pipe_does_not_hang_its_reader(root: Path) -> None:
    os.mkfifo(root / "work/pipe")
    with pytest.raises(files.NotAFile):
        files.open_inside(root, "work/pipe")


def test_a_directory_is_not_a_file(root: Path) -> None:
    with pytest.raises(files.NotAFile):
        files.open_inside(root, "work")
    with pytest.raises(files.NotAFile):
        files.write_atomic(root, "work", b"")
    with pytest.raises(files.NotAFile):
        files.delete_file(root, "work")


def test_what_is_not_there_is_missing(root: Path) -> None:
    with pytest.raises(files.Missing):
        files.open_inside(root, "work/nothing")
    assert files.delete_file(root, "work/nothing") is False


def test_a_file_in_the_middle_of_a_path_is_refused(root: Path) -> None:
    files.write_atomic(root, "work/x", b"")
    with pytest.raises(files.BadPath):
        files.open_inside(root, "work/x/y")


def test_a_deleted_file_is_gone(root: Path) -> None:
    files.write_atomic(root, "work/x", b"")
    assert files.delete_file(root, "work/x") is True
    assert not (root / "work/x").exists()


def test_a_path_too_long_for_the_system_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_long(*args: object, **kwargs: object) -> int:
        raise OSError(errno.ENAMETOOLONG, "File name too long")

    monkeypatch.setattr("workspaces.files.opening.os.open", too_long)
    with pytest.raises(files.BadPath):
        files.open_inside(root, "work/x")


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_no_rest(root: Path, full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_atomic(root, "work/x", b"old")

    def no_space(fd: int) -> None:
        raise OSError(full, os.strerror(full))

    monkeypatch.setattr("workspaces.files.writing.os.fsync", no_space)
    with pytest.raises(files.NoSpace, match="Free some space"):
        files.write_atomic(root, "work/x", b"new")
    assert (root / "work/x").read_bytes() == b"old"
    assert os.listdir(root / "work") == ["x"]


def test_what_fails_before_the_file_is_made_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workspaces.files.writing.secrets.token_hex", lambda size: "same")
    files.write_atomic(root, "work/.same.part", b"")
    (root / "work/.same.part").unlink()
    os.symlink("/nowhere", root / "work/.same.part")
    with pytest.raises(FileExistsError):
        files.write_atomic(root, "work/x", b"new")
    assert not (root / "work/x").exists()


def test_an_error_of_the_system_that_has_no_sentence_passes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("workspaces.files.writing.os.fsync", broken)
    with pytest.raises(OSError, match="broken"):
        files.write_atomic(root, "work/x", b"new")


def test_a_tree_is_listed_with_sizes_and_links_are_not_entered(root: Path) -> None:
    files.write_atomic(root, "work/b/x", b"12")
    files.write_atomic(root, "work/a", b"1")
    (root / "work/link").symlink_to(root.parent)
    os.mkfifo(root / "work/pipe")
    listing = files.list_tree(root, "work")
    assert [(entry.path, entry.kind) for entry in listing.entries] == [
        ("work/a", "file"),
        ("work/b", "directory"),
        ("work/b/x", "file"),
        ("work/link", "link"),
        ("work/pipe", "other"),
    ]
    assert listing.entries[2].size == 2
    assert not listing.is_cut


def test_a_name_that_is_not_unicode_is_shown_all_the_same(root: Path) -> None:
    os.close(os.open(os.fsencode(root / "work") + b"/\xff", os.O_CREAT | os.O_WRONLY))
    assert [entry.path for entry in files.list_tree(root, "work").entries] == ["work/\ufffd"]


def test_a_listing_is_bounded(root: Path) -> None:
    for number in range(5):
        files.write_atomic(root, f"work/{number}", b"", is_durable=False)
    assert files.list_tree(root, "work", limit=5).is_cut is False
    cut = files.list_tree(root, "", limit=4)
    assert len(cut.entries) == 4
    assert cut.is_cut


def test_a_tree_that_is_too_deep_is_cut(root: Path) -> None:
    deep = root
    for _ in range(70):
        deep = deep / "d"
        deep.mkdir()
    assert files.list_tree(root, "").is_cut


def test_what_disappears_while_it_is_listed_is_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_atomic(root, "work/b/x", b"12")

    def gone(parent: int, name: str) -> int:
        raise FileNotFoundError(name)

    monkeypatch.setattr("workspaces.files.reading.subdirectory", gone)
    assert [entry.path for entry in files.list_tree(root, "").entries] == ["feedback", "work"]


def test_a_tree_is_removed_and_what_its_links_point_to_stays(root: Path) -> None:
    (root / "work/out").symlink_to(root.parent)
    files.remove_tree(root)
    assert not root.exists()
    assert (root.parent / "secret").exists()
    files.remove_tree(root)
    root.symlink_to(root.parent)
    files.remove_tree(root)
    assert not root.is_symlink()
    assert (root.parent / "secret").exists()
