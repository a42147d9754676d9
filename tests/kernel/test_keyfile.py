"""A key for a trial: made once, read ever after, readable by nobody else."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dct_site.kernel.keyfile import read_or_make


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one"
    key = read_or_make(path)
    assert read_or_make(path) == key
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_of_two_processes_that_make_it_at_once_both_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    making = Fernet.generate_key

    def slower() -> bytes:
        path.write_text("the other's")
        return making()

    monkeypatch.setattr(Fernet, "generate_key", slower)
    assert read_or_make(path) == "the other's"
    assert list(tmp_path.iterdir()) == [path]
