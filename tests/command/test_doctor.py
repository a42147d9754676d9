"""`./dct doctor`: a line for each finding, and an exit code that a script can ask."""

import argparse
import os
from pathlib import Path

import pytest

from dct_site.command import doctor
from dct_site.diagnosis import invariants, machine, services
from dct_site.diagnosis.findings import fail, ok, warn

LOOKS = {
    machine: ("look_at_python", "look_at_data_directory", "look_at_file_system", "look_at_sandbox"),
    services: ("look_at_settings", "look_at_database", "look_at_broker", "look_at_channel_layer"),
}


@pytest.fixture(autouse=True)
def _nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in LOOKS.items():
        for name in names:
            monkeypatch.setattr(module, name, list)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.main(parser.parse_args(words))


def test_what_is_missing_or_insecure_is_told_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "look_at_python", lambda: [ok("Python", "3.11")])
    monkeypatch.setattr(machine, "look_at_sandbox", lambda: [warn("Sandbox", "none works here.")])
    assert run() == 0
    assert capsys.readouterr().out == "  ok    Python: 3.11\n warn   Sandbox: none works here.\n"


def test_what_keeps_dct_from_running_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "look_at_database", lambda: [fail("Database", "does not answer.")])
    monkeypatch.setattr(services, "look_at_broker", lambda: [fail("Broker", "does not answer.")])
    assert run() == 1
    told = capsys.readouterr()
    assert " FAIL   Database: does not answer.\n" in told.out
    assert told.err == "\n2 to mend before DCT can run.\n"


def test_another_data_directory_can_be_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DCT_DATA_DIR", "/elsewhere")
    monkeypatch.chdir(tmp_path)
    assert run("--data", "mine") == 0
    assert os.environ["DCT_DATA_DIR"] == str(tmp_path / "mine")


def test_invariants_are_asked_instead_of_everything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "look_at_python", lambda: [fail("Python", "is not asked.")])
    monkeypatch.setattr(invariants, "look_at_invariants", lambda: [ok("Invariants", "all 14 hold")])
    assert run("--invariants") == 0
    assert capsys.readouterr().out == "  ok    Invariants: all 14 hold\n"
    monkeypatch.setattr(invariants, "look_at_invariants", lambda: [fail("orphan_slot", "1 slot.")])
    assert run("--invariants") == 1
    assert capsys.readouterr().err == "\n1 of what must always be so is not.\n"
