"""A cooldown of each item, against pencil and paper: live in batches, and in a back-test."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.actor import Actor
from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from triggers.enums import Outcome, Suppression
from triggers.models import Decision, Execution, Firing, Trigger
from triggers.services import dry_run, explain
from triggers.services.backtest import side
from triggers.services.backtest.slices import backtest
from triggers.services.decide import commit as decide_commit
from triggers.services.decide.commit import Overtaken
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import prepare
from triggers.services.publishing import publish

pytestmark = pytest.mark.django_db
BY_ITEM = {"cooldown_s": 60, "cooldown_by": "item"}


def arrive(trigger: Trigger, key: str, at: float) -> None:
    make_delivery(trigger.listeners.get().connection, {"item": {"key": key}} if key else {}, now=after(at))


def decided(trigger: Trigger, key: str, at: float) -> Decision:
    arrive(trigger, key, at)
    decide_pending(now=after(at))
    return Decision.objects.latest("event_id")


def waits(trigger: Trigger) -> list[datetime | None]:
    return list(Execution.objects.filter(trigger=trigger).order_by("pk").values_list("not_before", flat=True))


class TestScope:
    def test_each_item_has_one_of_its_own_and_says_so(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        assert [decided(trigger, key, at).outcome for key, at in (("A", 0), ("B", 1))] == ["fired", "fired"]

        held = decided(trigger, "A", 59)

        assert (held.suppressed_by, held.until) == (Suppression.COOLDOWN, after(60))
        assert held.detail == "it fired for the same item a short while ago"
        assert held.facts == {"last_fired_at": NOON.isoformat(), "cooldown_s": 60, "cooldown_by": "item"}
        told = explain.explain(event=held.event, trigger=trigger)
        assert (told.suppressed_by, told.until) == (Suppression.COOLDOWN, after(60))
        assert decided(trigger, "A", 60).outcome == Outcome.FIRED
        assert decided(trigger, "B", 60).suppressed_by == Suppression.COOLDOWN

    def test_unless_it_says_so_it_is_one_for_all_items(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        decided(trigger, "A", 0)
        assert decided(trigger, "B", 1).suppressed_by == Suppression.COOLDOWN

    def test_events_about_no_item_are_about_the_same(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        assert [decided(trigger, key, 0).outcome for key in ("", "A")] == ["fired", "fired"]
        assert decided(trigger, "", 1).suppressed_by == Suppression.COOLDOWN

    def test_one_batch_fires_once_for_each_item_that_it_brings(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        for at, key in enumerate(["A", "B", "A", "", "B", ""]):
            arrive(trigger, key, at)
        decide_pending(now=after(9))
        outcomes = Decision.objects.order_by("event_id").values_list("outcome", flat=True)
        assert list(outcomes) == ["fired", "fired", "suppressed", "fired", "suppressed", "suppressed"]

    def test_one_that_delays_keeps_the_runs_of_an_item_apart(self) -> None:
        trigger = make_trigger(limits={**BY_ITEM, "cooldown_policy": "delay"})
        for key, at in (("A", 0), ("B", 5), ("A", 10), ("A", 20), ("B", 20)):
            decided(trigger, key, at)
        assert waits(trigger) == [None, None, after(60), after(120), after(65)]

    def test_a_trigger_that_has_fired_already_is_asked_by_item_from_its_next_revision_on(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        decided(trigger, "A", 0)
        trigger.draft = {**trigger.draft, "limits": BY_ITEM}
        trigger.save(update_fields=["draft"])
        publish(trigger=trigger, by=Actor.system(), now=after(1))
        assert decided(trigger, "A", 2).suppressed_by == Suppression.COOLDOWN
        assert decided(trigger, "B", 2).outcome == Outcome.FIRED

    def test_of_an_old_event_what_fired_since_counts(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        decided(trigger, "A", 1_000)
        arrive(trigger, "A", 0)
        decide_pending(now=after(2_000))
        assert Decision.objects.latest("event_id").suppressed_by == Suppression.COOLDOWN

    def test_a_dry_run_sees_the_items_own(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        first = decided(trigger, "A", 0)
        other = decided(trigger, "B", 100)
        tried = dry_run.try_on_events(
            trigger=trigger,
            document=trigger.draft,
            events=[first.event, other.event],
            owner=trigger.owner,
            now=after(101),
        )
        assert [one.suppressed_by for one in tried] == ["", Suppression.COOLDOWN]

    def test_whoever_decides_it_holds(self) -> None:
        trigger = make_trigger(limits=BY_ITEM)
        decided(trigger, "A", -100)
        connection = trigger.listeners.get().connection
        brought = [make_delivery(connection, {"item": {"key": "A"}}, now=after(at)) for at in (0, 1)]
        plans = [prepare(deliveries=[one], now=after(1)) for one in brought]
        decide_commit.commit(plans[0])
        with pytest.raises(Overtaken):
            decide_commit.commit(plans[1])


# ---- against pencil and paper ----


@dataclass
class Paper:
    """When the runs of one trigger begin, as its cooldown says; seconds."""

    policy: str
    is_by_item: bool
    free: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    """Where a run of an item waits that takes events in: until when."""
    told: list[tuple[str, float | None]] = field(default_factory=list)

    def note(self, item: str, at: float) -> None:
        place = item if self.is_by_item else "all"
        free = self.free.get(place, -1.0)
        if at >= free:
            self.told.append(("begins", None))
        elif self.policy == "skip":
            self.told.append(("suppressed", None))
            return
        elif self.policy == "coalesce" and at < self.waiting.get(item, -1.0):
            self.told.append(("joins", None))
            return
        else:
            self.told.append(("begins", free))
            self.waiting[item] = free
            at = free
        self.free[place] = max(free, at + 60)


@given(
    policy=st.sampled_from(["skip", "delay", "coalesce"]),
    by=st.sampled_from(["trigger", "item"]),
    events=st.lists(st.tuples(st.sampled_from(["A", "B", ""]), st.sampled_from([0, 7, 30, 61])), max_size=9),
)
@example(policy="skip", by="item", events=[("A", 0), ("B", 0), ("A", 30), ("B", 0), ("A", 30)])
@example(policy="delay", by="item", events=[("A", 0), ("A", 7), ("A", 0), ("B", 7), ("A", 61), ("B", 0)])
@example(policy="coalesce", by="item", events=[("A", 0), ("A", 7), ("B", 0), ("A", 7), ("B", 7), ("A", 61)])
@settings(max_examples=12, deadline=None)
def test_what_begins_is_that_of_pencil_and_paper_live_and_in_a_back_test(
    policy: str, by: str, events: list[tuple[str, int]]
) -> None:
    trigger = make_trigger(limits={"cooldown_s": 60, "cooldown_policy": policy, "cooldown_by": by})
    paper, at = Paper(policy, is_by_item=by == "item"), 0
    for key, gap in events:
        if gap:  # what came at one moment is decided in one batch
            decide_pending(now=after(at))
        at += gap
        arrive(trigger, key, at)
        paper.note(key, at)
    decide_pending(now=after(at))

    assert live(trigger) == paper.told
    progress = backtested(trigger, now=after(at + 1))
    assert progress.fired == sum(what != "suppressed" for what, _ in paper.told)
    assert progress.suppressed == sum(what == "suppressed" for what, _ in paper.told)
    assert progress.taken_in == sum(what == "joins" for what, _ in paper.told)
    assert progress.lost == progress.gained == 0


def live(trigger: Trigger) -> list[tuple[str, float | None]]:
    told: list[tuple[str, float | None]] = []
    for decision in Decision.objects.filter(trigger=trigger).order_by("event_id"):
        firing = Firing.objects.filter(trigger=trigger, event=decision.event_id).select_related("execution").first()
        if firing is None:
            told.append(("suppressed", None))
        elif firing.role != "primary":
            told.append(("joins", None))
        else:
            until = firing.execution.not_before
            told.append(("begins", (until - NOON).total_seconds() if until is not None else None))
    return told


def backtested(trigger: Trigger, *, now: datetime, size: int = 3) -> Any:
    window: dict[str, Any] = {"since": NOON, "until": now + timedelta(days=1), "now": now}
    progress, cursor = None, ""
    while progress is None or cursor:  # slice by slice: what cools travels in the cursor
        one = backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, cursor=cursor, size=size, **window)
        progress, cursor = one.progress, one.cursor
    return progress


def test_a_back_test_knows_those_items_that_fired_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "MOST_COOLING", 2)
    trigger = make_trigger(limits=BY_ITEM)
    for at, key in enumerate(["A", "B", "C", "B", "C", "A"]):
        decided(trigger, key, at)
    progress = backtested(trigger, now=after(100), size=1)
    assert (progress.fired, progress.suppressed) == (4, 2)
    assert [len(pacing[0]) for pacing in progress.pacing] == [2, 2]
