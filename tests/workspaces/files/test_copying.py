"""Trees are copied as data: never by hard link, never through a link, with a bound."""

import errno
import os
import time
from pathlib import Path

import pytest

from workspaces import files
from workspaces.files import copying

pytestmark = pytest.mark.one_pass


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    files.make_directories(source, "work/sub", "feedback")
    files.write_atomic(source, "work/a.txt", b"a" * 3_000_000, is_durable=False)
    files.write_atomic(source, "work/sub/run.sh", b"#!/bin/sh\n", mode=0o700, is_durable=False)
    files.write_atomic(source, "work/empty", b"", is_durable=False)
    return source


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir()
    return target


def _means(monkeypatch: pytest.MonkeyPatch, *, without: str) -> None:
    def cannot(*args: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not here")

    if without in {"reflink", "both"}:
        monkeypatch.setattr("workspaces.files.copying.fcntl.ioctl", cannot)
    if without == "both":
        monkeypatch.setattr("workspaces.files.copying.os.copy_file_range", cannot)


@pytest.mark.parametrize("without", ["nothing", "reflink", "both"])
def test_a_copy_has_the_same_content_by_every_means(
    source: Path, target: Path, without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _means(monkeypatch, without=without)
    assert files.copy_tree(source, target) == []
    assert (target / "work/a.txt").read_bytes() == b"a" * 3_000_000
    assert (target / "work/empty").read_bytes() == b""
    assert os.access(target / "work/sub/run.sh", os.X_OK)
    assert not os.access(target / "work/a.txt", os.X_OK)
    assert (target / "feedback").is_dir()


def test_appending_to_a_copy_leaves_the_original(source: Path, target: Path) -> None:
    files.copy_tree(source, target)
    with (target / "work/sub/run.sh").open("a") as file:
        file.write("rm\n")
    assert (source / "work/sub/run.sh").read_text() == "#!/bin/sh\n"


def test_a_reflink_ends_the_copying_of_a_file(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "workspaces.files.copying.fcntl.ioctl", lambda to_fd, request, from_fd: os.write(to_fd, b"reflinked")
    )
    files.copy_tree(source, target)
    assert (target / "work/a.txt").read_bytes() == b"reflinked"


def test_a_full_disk_is_said_plainly(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("workspaces.files.copying.fcntl.ioctl", full)
    with pytest.raises(files.NoSpace):
        files.copy_tree(source, target)


@pytest.mark.parametrize("what", ["link", "pipe", "hard link", "odd name"])
def test_what_is_not_plain_is_refused_or_left_out(source: Path, target: Path, what: str) -> None:
    place = source / "work" / ("odd\nname" if what == "odd name" else "odd")
    match what:
        case "link":
            place.symlink_to("/etc/passwd")
        case "pipe":
            os.mkfifo(place)
        case "hard link":
            os.link(source / "work/empty", place)
        case "odd name":
            place.write_text("")
    with pytest.raises(files.FileTrouble):
        files.copy_tree(source, target)
    again = target.parent / "again"
    again.mkdir()
    left_out = files.copy_tree(source, again, skip_unsafe=True)
    assert all("work/odd" in path or path == "work/empty" for path in left_out)
    assert not (again / "work/odd").is_symlink()


def test_only_what_is_wanted_is_copied(source: Path, target: Path) -> None:
    left_out = files.copy_tree(source, target, wanted=lambda path: not path.startswith("work/sub"))
    assert left_out == ["work/sub"]
    assert not (target / "work/sub").exists()


def test_a_directory_that_is_there_is_filled(source: Path, target: Path) -> None:
    (target / "work").mkdir()
    files.copy_tree(source, target)
    assert (target / "work/empty").exists()


def test_too_many_entries_are_refused(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ENTRIES", 3)
    with pytest.raises(files.TooMany):
        files.copy_tree(source, target)


def test_too_deep_a_tree_is_refused(source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "DEPTH", 1)
    with pytest.raises(files.TooMany):
        files.copy_tree(source, target)


def test_ten_thousand_files_are_copied_without_a_detour(tmp_path: Path) -> None:
    source, target = tmp_path / "many", tmp_path / "copy"
    source.mkdir()
    target.mkdir()
    for folder in range(100):
        (source / str(folder)).mkdir()
        for number in range(100):
            (source / str(folder) / str(number)).write_bytes(b"x" * 4096)
    before = time.process_time()
    files.copy_tree(source, target)
    # A tenth of that on a quiet machine, by the processor's time; a loop over all of them for each would take minutes.
    assert time.process_time() - before < 10.0
    assert sum(1 for path in target.rglob("*") if path.is_file()) == 10_000


def test_the_watermark_stops_launches_below_five_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        total, free = 1000, 49

    monkeypatch.setattr("workspaces.files.space.shutil.disk_usage", lambda place: Usage)
    assert files.enough_space() is False
    Usage.free = 50
    assert files.enough_space() is True
    Usage.total = 0
    assert files.free_share() == 0.0
