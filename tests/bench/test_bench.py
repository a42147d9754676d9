"""`./dct bench`: the form of its lines, and that every name leads to something that measures."""

import argparse
import asyncio
import importlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from asgiref.sync import sync_to_async

from dct_site import web
from dct_site.bench import CATALOGUE, intake_child
from dct_site.bench.figure import Figure
from dct_site.bench.intake import compared, medians
from dct_site.bench.intake_load import SECRET, Pushes, drive
from dct_site.bench.path import LEGS, Way, started_at
from dct_site.command import bench
from triggers.door.app import Door
from triggers.door.verify import sign


def test_every_name_leads_to_something_that_measures() -> None:
    for module in CATALOGUE.values():
        assert callable(importlib.import_module(module).measure)


def test_a_line_has_the_keys_of_the_contract() -> None:
    line = json.loads(Figure("intake", "sqlite", 30.0, "1/s", 10, "quiet", "bare", 60.0).line())
    assert line == {
        "bench": "intake",
        "figure": "sqlite",
        "value": 30.0,
        "unit": "1/s",
        "baseline": "bare",
        "baseline_value": 60.0,
        "ratio": 0.5,
        "n": 10,
        "conditions": "quiet",
    }


def test_without_a_baseline_there_is_no_ratio() -> None:
    assert Figure("intake", "rss", 30.0, "MB", 10, "quiet").ratio is None


def test_the_door_is_compared_with_each_baseline_in_each_unit() -> None:
    measured = {name: {"rate": 2.0, "us_cpu": 3.0, "p99_ms": 4.0, "n": 5} for name in ("door", "bare", "orm")}
    figures = list(compared("sqlite", measured["door"], measured, ("bare", "orm"), "quiet"))
    assert [(figure.baseline, figure.unit) for figure in figures] == [
        (baseline, unit) for baseline in ("bare", "orm") for unit in ("1/s", "us_cpu", "ms")
    ]


def test_the_lines_go_to_the_terminal_and_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure() -> Iterator[Figure]:
        yield Figure("intake", "sqlite", 30.0, "1/s", 10, "quiet", "bare", 60.0)

    monkeypatch.setattr("dct_site.bench.intake.measure", measure)
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    written = tmp_path / "figures"
    assert bench.main(parser.parse_args(["intake", "--json", str(written)])) == 0
    assert capsys.readouterr().out == written.read_text()
    assert json.loads(written.read_text())["ratio"] == 0.5


def test_one_disturbed_run_of_three_changes_no_figure() -> None:
    assert medians([{"rate": 5.0}, {"rate": 1.0}, {"rate": 4.0}]) == {"rate": 4.0}


def test_the_legs_of_a_way_add_up_to_its_start() -> None:
    moments = [datetime(2026, 11, 20, 12, 0, 0, 10_000 * number, tzinfo=UTC) for number in (0, 1, 2, 4, 5, 6, 9, 12)]
    way = Way(moments[0], tuple(moments[1:7]), moments[7])
    assert len(way.legs_ms()) == len(LEGS)
    assert sum(way.legs_ms()) == pytest.approx(way.started_ms) == pytest.approx(90)
    assert way.succeeded_ms == pytest.approx(120)


def test_the_log_tells_when_a_program_ran() -> None:
    log = (
        "2026-11-20T12:00:00.010000Z [info     ] run_started                    agent=1 pid=77 role=engine run=1\n"
        "2026-11-20T12:00:00.090000Z [info     ] run_started                    agent=1 pid=78 role=engine run=12\n"
    )
    assert started_at(log, 1) == datetime(2026, 11, 20, 12, 0, 0, 10_000, tzinfo=UTC)
    with pytest.raises(LookupError, match="run 2 started"):
        started_at(log, 2)


def test_every_push_is_another_one_of_six_kilobytes_and_signed() -> None:
    first, second = (next(pushes) for pushes in [Pushes("p")] for _ in range(2))
    heads, bodies = zip(*(request.split(b"\r\n\r\n", 1) for request in (first, second)), strict=True)
    assert len(set(heads)) == len(set(bodies)) == 2
    for head, body in zip(heads, bodies, strict=True):
        assert 6_000 < len(body) < 7_000
        assert json.loads(body)["after"].encode() in head
        assert sign(SECRET.encode(), body).encode() in head


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rate", [0.0, 2_000.0])
async def test_the_door_is_measured_flat_out_and_at_a_pace(rate: float) -> None:
    door = Door()
    path = await sync_to_async(intake_child.make_hook)()
    config = web.configured(door, lifespan="off")
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve([listener]))
    measured = await asyncio.to_thread(drive, port=port, path=path, pid=os.getpid(), connections=4, count=40, rate=rate)
    server.should_exit = True
    await serving
    await door.close()
    assert measured["n"] == await sync_to_async(intake_child.undecided)() == 40
    assert measured["p99_ms"] > 0
    assert measured["us_cpu"] > 0
