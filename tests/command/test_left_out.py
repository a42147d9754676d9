"""The suite's own plugin: tests that cannot run here are left out with a reason and reported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dct_site.command.bootstrap import ROOT

TESTS = """
import pytest
def test_plain(): pass
@pytest.mark.slow
def test_slow(): pass
@pytest.mark.postgres
def test_postgres(): pass
@pytest.mark.one_pass
def test_pure(): pass
def test_skips_itself(): pytest.skip("for no good reason")
"""


WAYS = [
    pytest.param((), id="one process"),
    pytest.param(("-n", "1"), id="xdist", marks=pytest.mark.slow),
]


def run(directory: Path, *words: str, tests: str = TESTS, **environment: str) -> dict[str, Any]:
    """Run the small suite with the plugin; return what it reports, names without their file."""
    (directory / "test_small.py").write_text(tests)
    config = directory / "pytest.toml"
    config.write_text('[pytest]\nmarkers = ["slow", "postgres", "one_pass", "unmeasured"]\n')
    report = directory / "report.json"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DCT_", "PYTEST_"))}
    argv = [
        sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:django", "-p", "no:cacheprovider",
        "-c", str(config), "--rootdir", str(directory), str(directory), *words,
    ]  # fmt: skip
    done = subprocess.run(
        argv, check=False, cwd=ROOT, capture_output=True, text=True,
        env={**clean, "DCT_TEST_REPORT": str(report), **environment},
    )  # fmt: skip
    assert report.exists(), done.stdout + done.stderr
    told: dict[str, Any] = json.loads(report.read_text())
    told["ran"] = {name.rpartition("::")[2] for name in told["ran"]}
    told["left_out"] = {name.rpartition("::")[2]: (kind, why) for name, kind, why in told["left_out"]}
    return told


@pytest.mark.unmeasured
@pytest.mark.parametrize("words", WAYS)
def test_what_needs_a_service_is_left_out_with_its_reason(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = run(tmp_path, *words)
    assert told["ran"] == {"test_plain", "test_pure"}
    assert told["left_out"] == {
        "test_slow": ("slow", "slow tests run with --all (or DCT_TEST_SLOW=1)"),
        "test_postgres": told["left_out"]["test_postgres"],
        "test_skips_itself": ("skipped by itself", "Skipped: for no good reason"),
    }
    assert told["left_out"]["test_postgres"][0] == "postgres"
    assert told["summary"].startswith("2 passed, 3 skipped")


@pytest.mark.unmeasured
def test_on_postgres_pure_tests_sit_out(tmp_path: Path) -> None:
    told = run(tmp_path, DCT_TEST_DATABASE_URL="postgresql://p", DCT_TEST_SLOW="1")
    assert told["ran"] == {"test_plain", "test_slow", "test_postgres"}
    assert set(told["left_out"]) == {"test_skips_itself"}


@pytest.mark.unmeasured
def test_a_pass_about_one_marker_runs_nothing_else(tmp_path: Path) -> None:
    told = run(tmp_path, DCT_TEST_DATABASE_URL="postgresql://p", DCT_TEST_ONLY="postgres")
    assert (told["ran"], told["left_out"]) == ({"test_postgres"}, {})


MEASURED = """
import os, sys, threading
import pytest
from hypothesis import given, strategies as st

def traced():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(sys.gettrace()))
    thread.start()
    thread.join()
    return [sys.gettrace() is not None, seen[0] is not None, "COVERAGE_PROCESS_CONFIG" in os.environ]

def test_before(): assert all(traced())
@pytest.mark.unmeasured
def test_marked(): assert not any(traced())
@given(st.just(1))
def test_random(_): assert not any(traced())
def test_after(): assert all(traced())
"""


@pytest.mark.parametrize("words", WAYS)
def test_what_is_unmeasured_is_not_traced_nor_are_its_threads_and_children(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    config = tmp_path / ".coveragerc"
    config.write_text(f"[run]\npatch = subprocess\nparallel = true\ndata_file = {tmp_path / 'data'}\n")
    told = run(tmp_path, "--cov", "--cov-report=", "--cov-config", str(config), *words, tests=MEASURED)
    assert told["summary"].startswith("4 passed")


IN_TURN = """
import os, pytest
def told(name):
    with open(os.environ["TOLD"], "a") as file:
        file.write(name + "\\n")
def test_short(): told("short")
@pytest.mark.slow
def test_long(): told("long")
def test_short_too(): told("short")
"""


@pytest.mark.unmeasured
def test_what_is_slow_begins_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    run(tmp_path, "-p", "no:randomly", tests=IN_TURN, DCT_TEST_SLOW="1", TOLD=str(order))
    assert order.read_text().split() == ["long", "short", "short"]
