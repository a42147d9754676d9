"""What `./dct test` runs, leaves out, and says at the end."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from dct_site.command import services, test
from dct_site.command.services import ROOT
from dct_site.command.test import Pass

SCALED = {"DCT_TEST_DATABASE_URL": "postgresql://p", "DCT_TEST_REDIS_URL": "redis://r"}


@pytest.fixture
def stocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has everything, already started."""
    monkeypatch.setattr(test, "missing_services", list)
    for name, value in SCALED.items():
        monkeypatch.setenv(name, value)


def passes(*, everything: bool = False, rest: list[str] | None = None) -> list[Pass]:
    """Return the passes that would run."""
    with ExitStack() as stack:
        return test.passes_for(everything=everything, rest=rest or [], stack=stack)


def ended(title: str, *ran: str, left_out: dict[str, tuple[str, str]] | None = None, code: int = 0) -> Pass:
    """Make a pass that has run."""
    return Pass(title, {}, code=code, summary=f"{len(ran)} passed", ran=set(ran), left_out=left_out or {})


@pytest.mark.usefixtures("stocked")
def test_all_runs_everything_on_both_databases_with_coverage_that_adds_up() -> None:
    sqlite, scaled, measured = passes(everything=True, rest=["-x"])
    assert sqlite.environment["DCT_TEST_DATABASE_URL"] == ""
    assert scaled.environment["DCT_TEST_DATABASE_URL"] == "postgresql://p"
    assert scaled.environment["DCT_BROKER_URL"] == "redis://r/14"
    assert scaled.environment["DCT_CHANNEL_URL"] == "redis://r/15"
    assert "DCT_TEST_ONLY" not in scaled.environment
    assert measured.environment["DCT_TEST_ONLY"] == "two_ways"
    assert measured.environment["DCT_TEST_DATABASE_URL"] == "postgresql://p"
    assert "--cov-append" not in sqlite.arguments
    assert "--cov" in sqlite.arguments
    assert "--cov" not in scaled.arguments
    assert "--cov-append" in measured.arguments
    assert sqlite.arguments[-1] == scaled.arguments[-1] == measured.arguments[-1] == "-x"


@pytest.mark.usefixtures("stocked")
def test_the_measured_pass_on_postgres_collects_no_more_than_it_runs() -> None:
    _, _, measured = passes(everything=True)
    files = [Path(word).relative_to(ROOT).as_posix() for word in measured.arguments if not word.startswith("-")]
    assert "tests/triggers/door/test_store.py" in files
    assert all("mark.two_ways" in (ROOT / file).read_text() for file in files)


@pytest.mark.usefixtures("stocked")
def test_without_all_postgres_runs_only_what_only_it_can_show() -> None:
    sqlite, scaled = passes()
    assert sqlite.arguments == []
    assert scaled.environment["DCT_TEST_ONLY"] == "postgres"


@pytest.mark.usefixtures("stocked")
def test_with_arguments_for_pytest_one_pass_runs_with_them() -> None:
    (only,) = passes(rest=["tests/kernel", "-k", "wake"])
    assert only.arguments == ["tests/kernel", "-k", "wake"]


def test_a_machine_without_servers_runs_on_sqlite_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test, "missing_services", lambda: [each for each in services.SERVICES if each.name == "redis"])
    assert [each.title for each in passes()] == ["SQLite"]


def test_what_one_pass_leaves_out_and_another_runs_is_not_left_out() -> None:
    sqlite = ended("SQLite", "a", left_out={"b": ("postgres", "on SQLite"), "c": ("browser", "no Chromium")})
    assert test.left_out_of([sqlite, ended("PostgreSQL", "b")]) == {("browser", "no Chromium"): 1}


def test_what_was_left_out_is_listed_and_the_last_line_holds_pytests_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sqlite = ended("SQLite", "a", "b", left_out={"c": ("browser", "no Chromium"), "d": ("browser", "no Chromium")})
    assert test.report([sqlite], everything=False, failed=[]) == 0
    out = capsys.readouterr().out
    assert "     2 × browser: no Chromium" in out
    assert out.splitlines()[-1] == "OK: SQLite: 2 passed"


def test_all_fails_when_anything_but_the_shared_samples_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    samples = ended("SQLite", "a", left_out={"c": ("shared_data", "not beside the checkout")})
    assert test.report([samples], everything=True, failed=[]) == 0
    browser = ended("SQLite", "a", left_out={"c": ("skipped by itself", "no luck")})
    assert test.report([browser], everything=True, failed=[]) == 1
    out = capsys.readouterr().out
    assert "FAILED: --all may leave nothing out" in out
    assert out.splitlines()[-1] == "FAILED: SQLite: 1 passed"


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_a_pass_that_failed_fails_the_run(code: int) -> None:
    assert test.report([ended("SQLite", "a"), ended("PostgreSQL", code=code)], everything=False, failed=[]) == 1


def test_a_run_that_finds_no_test_fails_but_one_empty_pass_does_not() -> None:
    assert test.report([ended("SQLite", code=5)], everything=False, failed=[]) == 1
    assert test.report([ended("SQLite", "a"), ended("PostgreSQL", code=5)], everything=False, failed=[]) == 0


def test_missing_coverage_fails_the_run() -> None:
    assert test.report([ended("SQLite", "a")], everything=True, failed=["too little"]) == 1


def test_a_pass_reads_back_what_pytest_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[str], environment: dict[str, str]) -> int:
        told = {"summary": "1 passed, 1 skipped", "ran": ["a"], "left_out": [["b", "browser", "no Chromium"]]}
        Path(environment["DCT_TEST_REPORT"]).write_text(json.dumps(told))
        return 0

    monkeypatch.setattr(test, "run_to_the_end", run)
    one = Pass("SQLite", {}, ["-x"])
    one.run(tmp_path / "report.json")
    assert re.fullmatch(r"1 passed, 1 skipped \(0 s, 0 s of CPU\)", one.summary)
    assert (one.ran, one.left_out) == ({"a"}, {"b": ("browser", "no Chromium")})


def test_what_a_pass_cost_is_told_with_what_its_children_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: list[str], environment: dict[str, str]) -> int:
        busy = "import time\nuntil = time.process_time() + 0.6\nwhile time.process_time() < until: pass"
        Path(environment["DCT_TEST_REPORT"]).write_text(json.dumps({"summary": "1 passed", "ran": [], "left_out": []}))
        return subprocess.run([sys.executable, "-c", busy], check=True).returncode

    monkeypatch.setattr(test, "run_to_the_end", run)
    one = Pass("SQLite", {})
    one.run(tmp_path / "report.json")
    assert re.fullmatch(r"1 passed \(\d+ s, 1 s of CPU\)", one.summary)


def test_what_is_compiled_is_kept_for_the_next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    def run(argv: list[str], environment: dict[str, str]) -> int:
        seen.append(environment)
        return 0

    monkeypatch.setattr(test, "run_to_the_end", run)
    Pass("SQLite", {}).run(tmp_path / "report.json")
    assert "PYTHONDONTWRITEBYTECODE" not in seen[0]


def test_a_service_that_cannot_be_had_is_one_sentence_and_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(wanted: object) -> None:
        raise services.ServiceFailed("these packages are missing: chromium")

    monkeypatch.setattr(test, "install", refuse)
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    assert test.main(argparse.Namespace(all=True, rest=[])) == 1
    assert capsys.readouterr().err == "dct test: these packages are missing: chromium\n"


STOPPED = """
import os, signal, sys
from dct_site.command import test
signal.signal(signal.SIGTERM, test.stop)
child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
test.run_to_the_end([sys.executable, "-c", child], dict(os.environ))
"""


def test_stopping_it_stops_pytest_too() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    ) as run:
        assert run.stdout is not None
        child = int(run.stdout.readline())
        run.terminate()
        assert run.wait(timeout=30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_pass_ends_with_pytests_own_exit_code() -> None:
    assert test.run_to_the_end([sys.executable, "-c", "raise SystemExit(4)"], dict(os.environ)) == 4
