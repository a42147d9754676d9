"""The set-up's own judgements, without starting a script."""

import os
from pathlib import Path

import pytest

from dct_site.command import bootstrap


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full: free about 1 GB where /v lies"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was pinned"),
        ("WARNING: Retrying … NewConnectionError('… Temporary failure in name resolution')", "needs the network"),
        ("ERROR: No matching distribution found for demo==3.0", "needs the network"),
        ("[Errno 13] Permission denied: '/v/lib'", "/v cannot be written; set DCT_VENV"),
        ("OSError: [Errno 30] Read-only file system", "/v cannot be written; set DCT_VENV"),
        ("The virtual environment was not created … ensurepip is not available", "apt install python3-venv"),
        ("error: something nobody has seen", "setting up failed; /v/dct-setup.log has what pip said."),
    ],
)
def test_what_pip_says_becomes_one_sentence_with_what_to_do(said: str, sentence: str) -> None:
    told = bootstrap.explain(said, Path("/v"))
    assert sentence in told
    assert "\n" not in told


def test_a_full_disk_is_told_even_when_the_network_failed_too() -> None:
    told = bootstrap.explain("ReadTimeout …\nOSError: [Errno 28] No space left on device", Path("/v"))
    assert told.startswith("the disk is full")


def test_a_stamp_that_is_not_readable_means_not_installed(tmp_path: Path) -> None:
    (tmp_path / bootstrap.STAMP).write_text("[]")
    assert not bootstrap.is_installed(tmp_path, bootstrap.USER_REQUIREMENTS)
    (tmp_path / bootstrap.STAMP).write_bytes(b"\x00\xff")
    assert not bootstrap.is_installed(tmp_path, bootstrap.USER_REQUIREMENTS)


def test_nothing_is_looked_at_twice_when_another_start_has_just_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(bootstrap, "is_installed", lambda venv, name: next(answers))
    monkeypatch.setattr(bootstrap, "install", lambda venv, name: pytest.fail("installed twice"))
    bootstrap.ensure(tmp_path, bootstrap.USER_REQUIREMENTS)


def test_an_environment_without_pip_gets_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run_step", lambda argv, venv, *, total=0: ran.append(argv[1:3]))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/bin/false")
    bootstrap.install(tmp_path, bootstrap.USER_REQUIREMENTS)
    assert ran == [["-m", "ensurepip"], ["-m", "pip"]]


def test_an_operating_system_error_becomes_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(venv: Path) -> bool:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(bootstrap, "python_works", full)
    with pytest.raises(bootstrap.SetupFailed, match="the disk is full"):
        bootstrap.ensure(tmp_path, bootstrap.USER_REQUIREMENTS)


def test_interrupting_the_set_up_says_that_it_goes_on_next_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(venv: Path, name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "ensure", interrupted)
    assert bootstrap.main(["/v", "manage"]) == 130
    assert "the next start goes on from here" in capsys.readouterr().err
