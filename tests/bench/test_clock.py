"""`./dct bench clock` at a small size: what it fills is due as it says, and its figures are complete."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dct_site.bench import clock, clock_child
from triggers.models import Schedule, ScheduleSlot
from triggers.services.clock import fire_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_it_fills_is_due_at_the_instants_that_it_tells() -> None:
    clock_child.fill(4, 60)
    first = datetime.now(UTC) + timedelta(seconds=30)
    instants = clock_child._set_up(first, 60)
    assert instants == [first + timedelta(seconds=15 * at) for at in range(4)]
    assert fire_due(now=first - timedelta(seconds=1)) == 0
    assert fire_due(now=instants[2]) == 3
    assert ScheduleSlot.objects.filter(status="fired").count() == 3
    assert Schedule.objects.order_by("next_at").values_list("next_at", flat=True)[0] == instants[3]


def test_a_set_up_that_comes_too_late_measures_nothing() -> None:
    clock_child.fill(1, 60)
    with pytest.raises(SystemExit, match="took longer"):
        clock_child._set_up(datetime.now(UTC), 60)


def test_a_look_at_what_is_due_is_compared_with_one_at_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_child, "ROUNDS", 2)
    monkeypatch.setattr(clock_child, "SCANS", 1)
    clock_child.fill(50, 60)
    told = clock_child.idle()
    assert told["rounds"] == 2
    assert told["due_us_cpu"] > 0
    assert told["scan_us_cpu"] > 0


def test_the_loop_of_the_engine_fires_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_child, "BURST_LEAD_S", 0.3)
    clock_child.fill(3, 60)
    told = clock_child.burst()
    assert told["fired"] == 3
    assert 0 < told["late_p50_ms"] <= told["late_p99_ms"]
    assert told["us_cpu"] > 0


def test_its_figures_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_: Any, *words: str) -> dict[str, float]:
        late = {"fired": 9, "late_p50_ms": 20.0, "late_p99_ms": 40.0, "heap_p50_ms": 10.0, "heap_p99_ms": 20.0}
        return {**late, "us_cpu": 5.0, "cpu_share": 0.5, "rounds": 2, "due_us_cpu": 1.0, "scan_us_cpu": 100.0}

    monkeypatch.setattr(clock, "asked", asked)
    monkeypatch.setattr(clock, "database", lambda _: nullcontext({}))
    lines = [json.loads(figure.line()) for figure in clock.measure()]
    assert [line["figure"] for line in lines] == [
        "late_p50", "late_p99", "cpu", "cpu_share", "burst_p50", "burst_p99", "burst_cpu", "idle",
    ]  # fmt: skip
    assert [line["ratio"] for line in lines] == [2.0, 2.0, None, None, None, None, None, 0.01]
    assert {line["bench"] for line in lines} == {"clock"}
