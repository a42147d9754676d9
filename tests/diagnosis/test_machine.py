"""What the doctor says of the machine: the data directory and its disk, its keys, the file system, the sandbox."""

from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from dct_site.diagnosis import machine
from dct_site.diagnosis.findings import Standing
from dct_site.kernel.process.sandbox import SandboxLevel

pytestmark = pytest.mark.one_pass

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory as DCT makes it."""
    place = tmp_path / "data"
    (place / "keys").mkdir(parents=True, mode=0o700)
    place.chmod(0o700)
    with override_settings(DCT_DATA_DIR=place):
        yield place


def standings() -> list[Standing]:
    return [found.standing for found in machine.look_at_data_directory()]


def test_python_is_named_with_its_sqlite() -> None:
    (found,) = machine.look_at_python()
    assert (found.standing, "SQLite 3." in found.detail) == (Standing.OK, True)


@pytest.mark.parametrize(
    ("free", "standing", "sentence"),
    [
        (5.1, Standing.OK, "GB free"),
        (4.9, Standing.WARN, "no new workspaces are made below 5 %"),
        (1.9, Standing.FAIL, "webhooks are turned away below 2 %"),
    ],
)
def test_a_disk_that_gets_full_is_told_with_what_stops(
    data: Path, monkeypatch: pytest.MonkeyPatch, free: float, standing: Standing, sentence: str
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100 * 2**30, 0, int(free * 2**30)))
    (found,) = machine.look_at_data_directory()
    assert (found.standing, sentence in found.detail) == (standing, True)


def test_a_data_directory_is_made_where_there_is_none(data: Path) -> None:
    with override_settings(DCT_DATA_DIR=data / "new" / "place"):
        assert Standing.FAIL not in standings()
    assert (data / "new" / "place").is_dir()


def test_a_place_that_cannot_be_written_is_told(data: Path) -> None:
    (data / "file").touch()
    with override_settings(DCT_DATA_DIR=data / "file"):
        (found,) = machine.look_at_data_directory()
    assert (found.standing, found.detail.endswith("set DCT_DATA_DIR.")) == (Standing.FAIL, True)


@pytest.mark.parametrize("mode", [0o750, 0o701])
def test_a_data_directory_that_others_may_look_into_is_told(data: Path, mode: int) -> None:
    data.chmod(mode)
    assert standings()[1:] == [Standing.WARN]


@pytest.mark.parametrize(("mode", "found"), [(0o600, []), (0o640, [Standing.FAIL]), (0o604, [Standing.FAIL])])
def test_a_key_that_others_may_read_is_told(data: Path, mode: int, found: list[Standing]) -> None:
    key = data / "keys" / "encryption_keys"
    key.write_text("canary")
    key.chmod(mode)
    assert standings()[1:] == found


def test_sqlite_on_a_network_file_system_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = "rootfs / ext4 rw 0 0\nserver:/x /srv nfs4 rw 0 0\ntmpfs /srv/fast tmpfs rw 0 0\n"
    monkeypatch.setattr(machine, "Path", lambda name: _Mounts(mounts) if name == "/proc/self/mounts" else Path(name))
    told = {}
    for file in ("/srv/dct.sqlite3", "/srv/fast/dct.sqlite3", "/srvdct.sqlite3"):
        databases = {"default": {"ENGINE": "dct_site.kernel.sqlite", "NAME": file}}
        monkeypatch.setattr(settings, "DATABASES", databases)
        told[file] = [found.detail for found in machine.look_at_file_system()]
    assert [len(details) for details in told.values()] == [1, 0, 0]
    assert "lies on nfs4" in told["/srv/dct.sqlite3"][0]


def test_where_mounts_cannot_be_read_and_on_postgresql_nothing_is_said_of_the_file_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": "dct_site.kernel.sqlite", "NAME": "/x"}})
    monkeypatch.setattr(machine, "Path", lambda name: _Mounts(None) if name == "/proc/self/mounts" else Path(name))
    assert list(machine.look_at_file_system()) == []
    monkeypatch.setattr(settings, "DATABASES", {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x"}})
    assert list(machine.look_at_file_system()) == []


@pytest.mark.parametrize(
    ("level", "standing"), [(SandboxLevel.BUBBLEWRAP, Standing.OK), (SandboxLevel.NONE, Standing.WARN)]
)
def test_the_sandbox_is_named_or_told_how_to_get(
    level: SandboxLevel, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "detect", lambda: level)
    (found,) = machine.look_at_sandbox()
    assert found.standing == standing
    assert ("install bubblewrap" in found.detail) is (level is SandboxLevel.NONE)


class _Mounts:
    """Stands for the kernel's list of mounts; None where there is no such file."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def read_text(self, encoding: str) -> str:
        if self._text is None:
            raise FileNotFoundError("/proc/self/mounts")
        return self._text
