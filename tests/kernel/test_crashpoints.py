"""A named place kills the process only where a test asked for it, and never in production."""

import signal
from pathlib import Path

import pytest

from dct_site.kernel import crashpoints
from dct_site.kernel.crashpoints import crashpoint


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    signals: list[int] = []
    monkeypatch.setattr("dct_site.kernel.crashpoints.os.kill", lambda pid, number: signals.append(number))
    monkeypatch.setattr(crashpoints, "_passed", {})
    for name in ("DCT_ENV", "DCT_CRASH_AT", "DCT_CRASH_FILE"):
        monkeypatch.delenv(name, raising=False)
    return signals


def test_nothing_happens_unless_it_is_asked_for(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    crashpoint("launch.after_clone")
    monkeypatch.setenv("DCT_CRASH_AT", "launch.after_context")
    crashpoint("launch.after_clone")
    assert killed == []


def test_the_named_place_kills(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CRASH_AT", "launch.after_clone")
    crashpoint("launch.after_clone")
    assert killed == [signal.SIGKILL]


def test_a_count_says_which_time_by_kills(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CRASH_AT", "launch.after_clone:2")
    crashpoint("launch.after_clone")
    assert killed == []
    crashpoint("launch.after_clone")
    assert killed == [signal.SIGKILL]


def test_production_never_dies_of_it(killed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CRASH_AT", "launch.after_clone")
    monkeypatch.setenv("DCT_ENV", "production")
    crashpoint("launch.after_clone")
    assert killed == []


def test_of_all_who_come_by_the_place_that_a_file_names_the_first_one_dies(
    killed: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    monkeypatch.setenv("DCT_CRASH_FILE", str(trap))
    crashpoint("launch.after_clone")
    trap.write_text("launch.after_clone")
    crashpoint("launch.after_context")
    assert killed == []
    crashpoint("launch.after_clone")
    crashpoint("launch.after_clone")
    assert killed == [signal.SIGKILL]
    assert (tmp_path / "trap.sprung").read_text() == "launch.after_clone"
