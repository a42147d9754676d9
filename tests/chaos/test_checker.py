"""The checker of the chaos harness finds what it is there to find: rows that break a promise fail its check."""

import json
import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.enums import Source
from agents.enums import RunStatus
from agents.models import AgentRun
from dct_site.chaos import checker, history, ledger
from dct_site.chaos.generator import Generator
from dct_site.chaos.history import Told
from dct_site.chaos.place import AGENT
from tests.factories.agents import set_limits
from tests.factories.executions import agent_of, make_event, make_execution, make_launched
from tests.factories.triggers import NOON, WrittenOut, make_delivery, make_trigger
from triggers.enums import DeliveryStatus, ExecutionStatus
from triggers.models import Delivery, DeliveryOutcome, Execution, PendingDelivery
from triggers.services.decide.pending import decide_pending
from triggers.sources import registry
from workspaces import files

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())


def told() -> list[Told]:
    """Two reports of one change and a repeat, decided; and a forgery that was turned away."""
    connection = make_trigger().listeners.get().connection
    ids = [make_delivery(connection, {"change_key": "c"}, delivery_key=key).pk for key in ("a", "b")]
    decide_pending(now=NOON)
    return [
        Told("a", 0, 202, ids[0]),
        Told("a", 0, 202, ids[0], is_duplicate=True),
        Told("b", 0, 202, ids[1]),
        Told("f", 0, 401, is_forged=True),
        Told("g", 0, 503),
        Told("n", 0, 0),
    ]


def wrong(given: list[Told], check: checker.Check) -> str:
    return "; ".join(check(given))


def test_what_is_in_order_passes_every_check_but_for_what_still_runs() -> None:
    given = told()
    assert checker.restless(0.0) == ["not within 0 s: 1, at last 1 were under way"]
    Execution.objects.all().update(status=ExecutionStatus.CANCELLED, ended_at=NOON)
    assert checker.restless(0.0) == []
    found = dict(checker.findings(given))
    assert len(found) == len(checker.CHECKS)
    assert {check for check, sentences in found.items() if sentences} <= {
        "every execution ended well",
        "the invariants hold",  # its wish for a start was not cancelled with it
    }


def lost() -> list[Told]:
    given = told()
    Delivery.objects.filter(delivery_key="b").delete()
    return given


def told_twice() -> list[Told]:
    return [*told(), Told("a", 0, 202, 99)]


def entered() -> list[Told]:
    return [*told(), Told("f2", 0, 202, 99, is_forged=True)]


def took_a_key() -> list[Told]:
    return [replace(one, is_forged=True, status=401) if one.key == "b" else one for one in told()]


def fell_over() -> list[Told]:
    return [*told(), Told("h", 0, 500)]


def turned_away_the_good() -> list[Told]:
    return [*told(), Told("h", 0, 401)]


def never_decided() -> list[Told]:
    given = told()
    make_delivery(make_trigger().listeners.get().connection)
    return given


def given_up() -> list[Told]:
    given = told()
    DeliveryOutcome.objects.update(status=DeliveryStatus.ERROR, detail="It could not be decided.")
    return given


def ran_twice() -> list[Told]:
    given = told()
    first = Execution.objects.get()
    Execution.objects.create(trigger=first.trigger, revision=first.revision, event=first.event, queued_at=NOON)
    return given


def never_ran() -> list[Told]:
    given = told()
    other = make_delivery(make_trigger().listeners.get().connection, delivery_key="z")
    PendingDelivery.objects.all().delete()
    return [*given, Told("z", 1, 202, other.pk)]


def test_an_event_may_be_of_a_delivery_that_nobody_was_told_of() -> None:
    """Its web process died after the commit; another report of the change was acknowledged."""
    given = [replace(one, status=0, delivery=0) if one.key == "a" else one for one in told()]
    assert not wrong(given, checker.each_change_ran_once)


def ran_unheard() -> list[Told]:
    given = ran_twice()
    return [replace(one, status=0, delivery=0) for one in given]


def failed() -> list[Told]:
    make_execution()
    Execution.objects.update(status=ExecutionStatus.FAILED, reason="its supervisor was lost")
    return []


def delivered_nothing() -> list[Told]:
    make_launched()
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    return []


def lived_on() -> list[Told]:
    agent = agent_of(make_launched())
    for epoch, status in ((1, RunStatus.ENDED), (2, RunStatus.STARTING)):
        given = {"epoch": epoch, "status": status, "owner": "me", "lease_until": NOON, "started_at": NOON}
        AgentRun.objects.create(agent=agent, **given)
    return []


def _noted(*lines: tuple[str, float, str], execution: Execution | None = None) -> None:
    """Notes of agents as (life, seconds, what) in an execution's workspace."""
    workspace = (execution or make_launched()).workspace
    assert workspace is not None
    file = files.root_of(workspace) / "work" / "ledger.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    told = [json.dumps({"life": life, "at": at, "what": what}) for life, at, what in lines]
    file.write_text("\n".join([*told, '{"life": "cut of']))


def overlapped() -> list[Told]:
    _noted(("a", 1.0, "start"), ("b", 1.5, "start"), ("a", 1.6, "alive"), ("b", 1.7, "end"))
    return []


def were_too_many() -> list[Told]:
    set_limits(max_agents=2)
    executions = [make_launched(), make_launched()]
    set_limits(max_agents=1)
    for execution, shift in zip(executions, (0.0, 0.2), strict=True):
        _noted(("a", 1.0 + shift, "start"), ("a", 1.5 + shift, "end"), execution=execution)
    return []


def succeeded_in_the_middle() -> list[Told]:
    execution = make_launched()
    _noted(("a", 1.0, "start"), ("a", 1.5, "alive"), execution=execution)
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    return []


def broke_an_invariant() -> list[Told]:
    make_execution(event=make_event())
    return []


@pytest.mark.parametrize(
    ("make", "check", "says"),
    [
        (lost, checker.nothing_acknowledged_is_lost, r"\(b\) was acknowledged and is not there"),
        (told_twice, checker.a_repeat_is_the_same_delivery, "a was told to be"),
        (entered, checker.nobody_entered_without_the_secret, "the forged f2 was answered 202"),
        (took_a_key, checker.nobody_entered_without_the_secret, "the forged b"),
        (fell_over, checker.every_answer_was_one_that_is_promised, "h was answered 500"),
        (turned_away_the_good, checker.every_answer_was_one_that_is_promised, "h was answered 401"),
        (never_decided, checker.every_delivery_has_an_answer, "was never decided"),
        (given_up, checker.every_delivery_has_an_answer, "could not be decided"),
        (ran_twice, checker.each_change_ran_once, "change 0 is 1 events and 2 executions"),
        (ran_unheard, checker.each_change_ran_once, "change 0 is 1 events and 2 executions"),
        (never_ran, checker.each_change_ran_once, "change 1 is 0 events and 0 executions"),
        (failed, checker.every_execution_ended_well, "is failed: its supervisor was lost"),
        (delivered_nothing, checker.every_execution_ended_well, "without anything delivered"),
        (lived_on, checker.one_attempt_lived_at_a_time, r"run 1 of agent \d+ never ended, and 2 began"),
        (overlapped, checker.one_attempt_lived_at_a_time, r"two agents lived at once in workspace \d+, for 0.10 s"),
        (were_too_many, checker.the_limit_held_at_every_instant, "2 agents lived at once, 1 may"),
        (succeeded_in_the_middle, checker.who_succeeded_had_finished, "its agent noted no end"),
        (broke_an_invariant, checker.the_invariants_hold, "came of no firing"),
    ],
)
def test_each_check_says_what_is_wrong(make: Callable[[], list[Told]], check: checker.Check, says: str) -> None:
    sentences = wrong(make(), check)
    assert re.search(says, sentences), sentences


def test_what_dead_processes_hold_is_over_at_once() -> None:
    make_launched()
    Execution.objects.update(status=ExecutionStatus.STARTING, lease_until=NOON + timedelta(days=9_999))
    checker.end_what_the_dead_hold()
    lease = Execution.objects.get().lease_until
    assert lease is not None
    assert lease < NOON + timedelta(days=9_000)


def test_a_history_reads_back_as_it_was_written(tmp_path: Path) -> None:
    given = [Told("a", 3, 202, 7, is_duplicate=True), Told("b", 4, 401, is_forged=True)]
    history.write(tmp_path / "h", given)
    assert history.read(tmp_path / "h") == given


def test_the_same_seed_sends_the_same_and_every_kind_of_it() -> None:
    def drawn(seed: int) -> list[tuple[str, int, bool]]:
        generator = Generator(seed, dict)
        return [generator._next() for _ in range(100)]

    assert drawn(3) == drawn(3) != drawn(4)
    keys = [key for key, _, _ in drawn(3)]
    assert len(set(keys)) < len(keys)
    assert {is_forged for _, _, is_forged in drawn(3)} == {True, False}
    by_change = {change: {key for key, other, _ in drawn(3) if other == change} for _, change, _ in drawn(3)}
    assert max(len(found) for found in by_change.values()) > 1


def test_what_followed_one_another_is_in_order() -> None:
    execution = make_launched()
    _noted(("a", 1.0, "start"), ("a", 1.2, "alive"), ("b", 1.3, "start"), ("b", 1.8, "end"), execution=execution)
    Execution.objects.update(status=ExecutionStatus.SUCCEEDED)
    for check in (
        checker.one_attempt_lived_at_a_time,
        checker.the_limit_held_at_every_instant,
        checker.who_succeeded_had_finished,
    ):
        assert wrong([], check) == ""


def test_the_agent_notes_its_life_and_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "feedback"):
        (tmp_path / name).mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"deliverables": [{"target": "feedback/brief.md"}]}))
    monkeypatch.setenv("DCT_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("DCT_RUN_FILE", str(tmp_path / "run.json"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    runpy.run_path(str(AGENT))
    (life,) = ledger.read(tmp_path)
    assert life.is_finished
    assert life.began < life.last
    assert "## What changed" in (tmp_path / "feedback" / "brief.md").read_text()
