"""`./dct bench dispatch` and `soak`: their figures are complete, and only they take a number of executions."""

import argparse
import json
import os
import threading
from collections.abc import Iterator

import pytest

from dct_site.bench import dispatch, noop_work, soak
from dct_site.bench.figure import Figure
from dct_site.command import bench


def lines(figures: Iterator[Figure]) -> dict[str, dict[str, object]]:
    return {line["figure"]: line for line in (json.loads(figure.line()) for figure in figures)}


def test_what_dispatch_adds_is_told_beside_the_program_alone() -> None:
    told = lines(dispatch.figures(1_000, took=50.0, bare=5.0))
    assert (told["throughput"]["value"], told["throughput"]["baseline_value"], told["throughput"]["ratio"]) == (
        20,
        200,
        0.1,
    )
    assert (told["slot_time"]["value"], told["slot_time"]["ratio"]) == (200.0, 10.0)
    assert told["own_share"]["value"] == 0.9
    assert {line["bench"] for line in told.values()} == {"dispatch"}


def test_the_program_alone_is_run_as_often() -> None:
    assert dispatch.bare_s(3) > 0


def test_what_is_held_at_the_end_is_told_beside_what_was_held_at_first() -> None:
    held = {role: {"rss": 100.0, "descriptors": 40.0, "threads": 8.0} for role in ("web", "engine")}
    later = {**held, "engine": {"rss": 110.0, "descriptors": 40.0, "threads": 8.0}}
    told = lines(soak.figures(held, later, 100, 1_000))
    assert [told[name]["ratio"] for name in ("web_rss", "engine_rss", "engine_descriptors", "engine_threads")] == [
        1.0, 1.1, 1.0, 1.0
    ]  # fmt: skip
    assert {line["baseline"] for line in told.values()} == {"after_100"}


def test_what_a_process_holds_is_read() -> None:
    before = noop_work.held_by(os.getpid())
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    with open(os.devnull):
        after = noop_work.held_by(os.getpid())
    end.set()
    other.join()
    assert (after["threads"], after["descriptors"]) == (before["threads"] + 1, before["descriptors"] + 1)
    assert after["rss"] > 1


@pytest.mark.parametrize(("name", "number"), [("admit", 5), ("soak", 0)])
def test_a_number_that_a_bench_does_not_take_is_refused(
    name: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(argparse.Namespace(name=name, json=None, executions=number)) == 2
    assert capsys.readouterr().err == f"dct: bench {name} takes no --executions {number}.\n"


def test_the_number_is_handed_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def measure(executions: int = 9) -> Iterator[Figure]:
        yield Figure("soak", "web_rss", executions, "MB", executions, "quiet")

    monkeypatch.setattr(soak, "measure", measure)
    for number, said in ((7, 7), (None, 9)):
        assert bench.main(argparse.Namespace(name="soak", json=None, executions=number)) == 0
        assert json.loads(capsys.readouterr().out)["n"] == said
