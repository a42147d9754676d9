"""Runs that wait for their time and take events in: for quiet, for a batch, for the end of a cooldown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.actor import Actor
from accounts.models import JournalEntry
from agents.selectors.queue import waiting
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from triggers.enums import ExecutionStatus, FiringRole, Outcome, Suppression
from triggers.models import Decision, Execution, Firing, Trigger
from triggers.services import dry_run, explain
from triggers.services.backtest.slices import backtest
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import pending as decide
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.fire import fire
from triggers.services.launch.context import entries_for
from triggers.services.publishing import publish
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
QUIET = {"debounce_s": 30, "debounce_max_s": 70}
BATCH = {"batch_size": 3, "batch_s": 60}
COOLDOWN = {"cooldown_s": 60, "cooldown_policy": "coalesce"}


def arrive(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> None:
    connection = trigger.listeners.get().connection
    make_delivery(connection, {"item": {"key": key}} if key else {}, now=after(at), **over)


def decided(trigger: Trigger, key: str = "OPS-1", at: float = 0, **over: Any) -> Decision:
    arrive(trigger, key, at, **over)
    decide_pending(now=after(at))
    return Decision.objects.latest("event_id")


def roles(trigger: Trigger) -> list[tuple[str, int]]:
    return list(Firing.objects.filter(trigger=trigger).order_by("event_id").values_list("role", "execution_id"))


def begins(execution: Execution) -> float | None:
    """Seconds after noon; the row and its wish for a start say the same."""
    execution.refresh_from_db()
    assert execution.start is not None
    assert execution.start.not_before == execution.not_before
    assert execution.start.expires_at == execution.expires_at
    return (execution.not_before - NOON).total_seconds() if execution.not_before else None


def said(execution: Execution, at: float) -> str:
    execution.refresh_from_db()
    assert execution.start is not None
    return str(waiting(execution.start, now=after(at)))


class TestDebounce:
    def test_it_begins_when_nothing_came_for_so_long_and_takes_in_what_comes(self) -> None:
        trigger = make_trigger(limits=QUIET)
        first = decided(trigger)
        run = Execution.objects.get()
        assert first.detail == "its run waits until 30 s pass without another event, 70 s at most"
        assert said(run, 0) == "waits for 30 s without another event, 70 s at most (1 event so far), begins at 12:00:30"
        assert begins(run) == 30

        second = decided(trigger, at=20)

        assert (second.outcome, second.detail) == (
            Outcome.FIRED,
            "it joined the run that waits until 30 s pass without another event",
        )
        assert explain.explain(event=second.event, trigger=trigger).execution_id == run.pk
        assert begins(run) == 50
        assert run.event_count == 2
        news = JournalEntry.objects.filter(kind="start", refs__execution=run.pk).latest("pk")
        assert news.reason == "waits for 30 s without another event, 70 s at most (2 events so far)"
        assert run.expires_at == after(50 + 86_400)
        assert said(run, 21).endswith("(2 events so far), begins at 12:00:50")
        assert roles(trigger) == [(FiringRole.PRIMARY, run.pk), (FiringRole.MERGED, run.pk)]

    def test_it_waits_so_long_at_most_after_the_first(self) -> None:
        trigger = make_trigger(limits=QUIET)
        for at in (0, 25, 50, 69):
            decided(trigger, at=at)
        assert begins(Execution.objects.get()) == 70
        decided(trigger, at=70)
        assert Execution.objects.count() == 2

    def test_unless_it_says_how_long_it_waits_ten_times_its_quiet(self) -> None:
        trigger = make_trigger(limits={"debounce_s": 1})
        for at in range(12):
            arrive(trigger, at=at * 0.9)
            decide_pending(now=after(at * 0.9))
        assert begins(Execution.objects.earliest("pk")) == 10

    def test_nothing_starts_before_its_time_and_what_works_takes_nothing_in(self) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=QUIET)
        decided(trigger)
        decided(trigger, at=20)
        assert admission.admit(now=after(49)) == 0
        assert admission.admit(now=after(50)) == 1
        decided(trigger, at=51)
        assert [one.status for one in Execution.objects.order_by("pk")] == ["starting", "queued"]

    def test_other_items_revisions_and_trust_wait_apart_and_so_do_drafts_and_attempts(self) -> None:
        trigger = make_trigger(limits=QUIET)
        decided(trigger)
        decided(trigger, "OPS-2", 1)
        decided(trigger, at=2, trust_tier="open")
        Execution.objects.filter(pk=Execution.objects.earliest("pk").pk).update(attempt=1)
        decided(trigger, at=3)
        publish(trigger=trigger, by=Actor.system(), now=after(4))
        decided(trigger, at=4)
        assert [one.event_count for one in Execution.objects.all()] == [1] * 5

    def test_what_joins_is_past_the_cooldown_which_is_between_runs(self) -> None:
        trigger = make_trigger(limits={**QUIET, "cooldown_s": 300})
        assert [decided(trigger, at=at).outcome for at in (0, 10)] == [Outcome.FIRED, Outcome.FIRED]
        held = decided(trigger, at=41)
        assert (held.suppressed_by, held.until) == (Suppression.COOLDOWN, after(310))

    def test_a_full_queue_is_no_reason_to_leave_out_what_joins(self) -> None:
        trigger = make_trigger(limits={**QUIET, "max_queued": 1})
        assert [decided(trigger, at=at).outcome for at in (0, 10)] == [Outcome.FIRED, Outcome.FIRED]
        assert decided(trigger, "OPS-2", 11).suppressed_by == Suppression.OVERLAP

    def test_a_dry_run_tells_it_and_moves_nothing(self) -> None:
        trigger = make_trigger(limits=QUIET)
        event = decided(trigger).event
        tried = dry_run.try_on_events(
            trigger=trigger, document=trigger.draft, owner=trigger.owner, events=[event], now=after(10)
        )
        # A draft is no revision yet: nothing that waits takes it in.
        assert [one.summary for one in tried] == ["its run waits until 30 s pass without another event, 70 s at most"]
        assert begins(Execution.objects.get()) == 30


class TestBatch:
    def test_it_begins_when_it_is_full_or_its_time_is_up(self) -> None:
        trigger = make_trigger(limits=BATCH)
        told = [decided(trigger, at=at).detail for at in range(4)]
        assert told == [
            "it is the first of a batch of 3, which begins within 60 s",
            "it is number 2 of a batch of 3",
            "it is number 3 of a batch of 3",
            "it is the first of a batch of 3, which begins within 60 s",
        ]
        full, second = Execution.objects.order_by("pk")
        assert (begins(full), begins(second)) == (2, 63)
        assert roles(trigger) == [
            (FiringRole.PRIMARY, full.pk),
            (FiringRole.BATCHED, full.pk),
            (FiringRole.BATCHED, full.pk),
            (FiringRole.PRIMARY, second.pk),
        ]
        assert said(second, 3) == "batch of 1 of 3, begins at 12:01:03"
        assert "batch" in decided(trigger, at=62).detail
        decided(trigger, at=63)
        assert [one.event_count for one in Execution.objects.order_by("pk")] == [3, 2, 1]

    def test_it_is_of_one_item_or_of_all_as_the_trigger_says(self) -> None:
        for by, runs in (("item", 3), ("trigger", 1)):
            trigger = make_trigger(limits={**BATCH, "batch_by": by})
            for key in ("OPS-1", "OPS-2", ""):
                arrive(trigger, key)
            decide_pending(now=NOON)
            assert Execution.objects.filter(trigger=trigger).count() == runs

    def test_the_run_finds_all_of_it_and_works_by_the_newest_of_its_item(self) -> None:
        trigger = make_trigger(limits={**BATCH, "batch_by": "trigger"})
        ids = [decided(trigger, key, at).event_id for at, key in enumerate(("OPS-1", "OPS-1", "OPS-2"))]
        entries = {one.path: one for one in entries_for(Execution.objects.get(), Workspace())}
        assert [one["id"] for one in json.loads(entries["batch.json"].content)] == ids
        assert json.loads(entries["event.json"].content)["id"] == ids[1]
        assert "merged.json" not in entries

    def test_a_batch_that_was_full_when_it_was_made_begins_at_once(self) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=BATCH)
        for _ in range(4):
            arrive(trigger)
        decide_pending(now=NOON)
        assert admission.admit(now=NOON) == 1
        assert Execution.objects.get(status=ExecutionStatus.STARTING).event_count == 3


class TestCooldown:
    def test_what_comes_within_it_joins_the_items_run_that_waits_for_its_end(self) -> None:
        trigger = make_trigger(limits=COOLDOWN)
        decided(trigger)
        waits = decided(trigger, at=10)
        assert waits.detail == "it came within the cooldown: its run waits for the end of it"
        joins = decided(trigger, at=20)
        assert joins.detail == "it came within the cooldown, and joined the run that waits for the end of it"
        decided(trigger, "OPS-2", 30)

        at_once, mine, other = Execution.objects.order_by("pk")

        # Runs are a cooldown apart, as with delay.
        assert [begins(one) for one in (at_once, mine, other)] == [None, 60, 120]
        assert said(mine, 20) == "waits for the end of the cooldown (2 events so far), begins at 12:01:00"

    def test_who_fires_by_hand_past_the_cooldown_waits_for_nobody(self) -> None:
        trigger = make_trigger(limits=COOLDOWN)
        decided(trigger, "")
        decided(trigger, "", at=1)
        fire(trigger=trigger, item=None, by=Actor.system(), now=after(2), is_cooldown_bypassed=True)
        decide_pending(now=after(2))
        assert begins(Execution.objects.latest("pk")) is None


class TestOvertaken:
    def test_a_run_that_was_joined_or_began_meanwhile_is_looked_at_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_limits(max_agents=9)
        trigger = make_trigger(limits=QUIET)
        decided(trigger)

        def commit(plan: Plan) -> None:
            monkeypatch.setattr(decide, "commit", decide_commit.commit)
            admission.admit(now=after(30))
            decide_commit.commit(plan)

        monkeypatch.setattr(decide, "commit", commit)
        decided(trigger, at=29)
        assert [one.event_count for one in Execution.objects.order_by("pk")] == [1, 1]


# ---- against an oracle: what one would write down with pencil and paper ----


@dataclass
class Run:
    item: str
    since: float
    until: float | None
    events: list[int] = field(default_factory=list)


@dataclass
class Paper:
    """The runs of one trigger, as its limits say; times in seconds."""

    limits: dict[str, Any]
    runs: list[Run] = field(default_factory=list)
    fired_at: float | None = None
    delayed_to: float | None = None

    def note(self, number: int, item: str, at: float) -> None:
        free = max((one for one in (self.fired_at, self.delayed_to) if one is not None), default=None)
        wait = self.limits.get("debounce_s") or self.limits.get("batch_s")
        cools = free is not None and "cooldown_s" in self.limits and at < free + self.limits["cooldown_s"]
        run = self._open(item, at) if wait or cools else None
        if run is None:
            until = at + wait if wait else free + self.limits["cooldown_s"] if cools and free is not None else None
            run = Run(item, at, until)
            self.runs.append(run)
            self.delayed_to = max(self.delayed_to or 0, until) if cools and until else self.delayed_to
        elif "debounce_s" in self.limits:
            assert run.until is not None
            run.until = max(run.until, min(at + self.limits["debounce_s"], run.since + self.limits["debounce_max_s"]))
        elif self.limits.get("batch_size") == len(run.events) + 1:
            run.until = at
        run.events.append(number)
        self.fired_at = at

    def _open(self, item: str, at: float) -> Run | None:
        is_any, most = self.limits.get("batch_by") == "trigger", self.limits.get("batch_size", 999)
        for run in reversed(self.runs):
            is_its = is_any or run.item == item
            if is_its and run.until is not None and at < run.until and len(run.events) < most:
                return run
        return None


@given(
    limits=st.sampled_from([QUIET, BATCH, {**BATCH, "batch_by": "trigger"}, COOLDOWN]),
    events=st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from([0, 7, 29, 29, 30, 61])), max_size=9),
)
@example(limits=QUIET, events=[("A", 0), ("A", 29), ("A", 29), ("A", 29)])
@settings(max_examples=10, deadline=None)
def test_runs_are_those_of_pencil_and_paper_live_and_in_a_back_test(
    limits: dict[str, Any], events: Sequence[tuple[str, int]]
) -> None:
    trigger, paper, at = make_trigger(limits=limits), Paper(limits), 0
    for number, (key, gap) in enumerate(events):
        if gap:  # what came at one moment is decided in one batch
            decide_pending(now=after(at))
        at += gap
        arrive(trigger, key, at)
        paper.note(number, key, at)
    decide_pending(now=after(at))

    numbers = {pk: n for n, pk in enumerate(Firing.objects.filter(trigger=trigger).values_list("event_id", flat=True))}
    rows = list(Execution.objects.filter(trigger=trigger).order_by("pk"))
    live = [(begins(row), sorted(numbers[pk] for pk in row.firings.values_list("event_id", flat=True))) for row in rows]
    assert live == [(run.until, run.events) for run in paper.runs]
    assert [row.event_count for row in rows] == [len(run.events) for run in paper.runs]
    told = _backtested(trigger, now=after(at + 1))
    assert told.fired == len(events)
    assert told.taken_in == len(events) - len(paper.runs)
    starts = sorted(start[1] - int(NOON.timestamp()) for start in told.starts)
    assert starts == sorted(int(run.until if run.until is not None else run.since) for run in paper.runs)


def test_a_back_test_gathers_across_slices_and_lets_begin_what_is_over() -> None:
    trigger = make_trigger(limits=QUIET)
    for key, at in (("A", 0), ("A", 10), ("B", 10), ("A", 20), ("A", 100), ("A", 101)):
        arrive(trigger, key, at)
        decide_pending(now=after(at))
    told = _backtested(trigger, now=after(200))
    assert (told.fired, told.taken_in, len(told.starts)) == (6, 3, 3)


def test_a_back_test_tells_what_waits_for_a_cooldown_as_one_run() -> None:
    trigger = make_trigger(limits=COOLDOWN)
    for at in (0, 10, 20):
        arrive(trigger, "A", at)
        decide_pending(now=after(at))
    told = _backtested(trigger, now=after(200))
    assert (told.fired, told.taken_in, len(told.starts)) == (3, 1, 2)


def _backtested(trigger: Trigger, *, now: datetime) -> Any:
    window: dict[str, Any] = {"since": NOON, "until": now + timedelta(days=1), "now": now}
    progress = None
    cursor = ""
    while progress is None or cursor:  # slice by slice: what waits travels in the cursor
        one = backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, cursor=cursor, size=3, **window)
        progress, cursor = one.progress, one.cursor
    return progress
