"""Promises 18 and 19, as checks: cooldowns hold whoever decides, and what waits or is left out says so."""

from collections.abc import Collection, Mapping
from typing import Any
from unittest.mock import patch

from agents.models import SlotHolder, StartRequest
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.triggers import after, make_delivery, make_trigger
from tests.promises.firing import Killed, dies_at
from triggers.enums import CooldownBy, CooldownPolicy, ExecutionStatus, FiringRole, Outcome, QueuePolicy
from triggers.models import Decision, Delivery, Execution, Firing, Trigger
from triggers.services import ends
from triggers.services.decide import commit as decide_commit
from triggers.services.decide.commit import Overtaken
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import prepare

COOLDOWN_S = 60
HOUR = 3600


def _limited(limits: Mapping[str, Any]) -> Trigger:
    for model in (SlotHolder, Firing, Decision, Execution, StartRequest):
        model.objects.all().delete()
    set_limits(max_agents=9, max_workspaces=9)
    return make_trigger(limits=dict(limits))


def _arrive(trigger: Trigger, at: float) -> Delivery:
    """An event about nothing in particular: all such count as about one item."""
    return make_delivery(trigger.listeners.get().connection, now=after(at))


def _decided(trigger: Trigger, at: float) -> Decision:
    _arrive(trigger, at)
    decide_pending(now=after(at))
    return Decision.objects.latest("event_id")


def _at_once(deliveries: Collection[Delivery], at: float) -> None:
    """By deciders that have all planned before any of them commits; who was overtaken decides again."""
    plans = [prepare(deliveries=[delivery], now=after(at)) for delivery in deliveries]
    for plan in plans:
        try:
            decide_commit.commit(plan)
        except Overtaken:
            decide_pending(now=after(at))


def a_cooldown_holds_whoever_decides() -> None:
    """Promise 18: two deciders, and a clock that was put back between them; of the trigger and of an item."""
    for scope in CooldownBy:
        trigger = _limited({"cooldown_s": COOLDOWN_S, "cooldown_by": scope.value})
        _at_once([_arrive(trigger, 0), _arrive(trigger, 1)], 1)
        runs = Execution.objects.count()
        assert runs == 1, f"{runs} runs began within one cooldown"
        _decided(trigger, -HOUR)
        assert Execution.objects.count() == 1, "a clock that was put back ended the cooldown"


def an_event_within_the_cooldown_is_answered_by_the_policy() -> None:
    """Promise 18: it is left out and says until when, or its run waits for the end; nothing begins within it."""
    for policy in CooldownPolicy:
        trigger = _limited({"cooldown_s": COOLDOWN_S, "cooldown_policy": policy.value})
        _decided(trigger, 0)
        answers = [_decided(trigger, at) for at in (10, 20)]
        waits = list(Execution.objects.exclude(not_before=None).order_by("pk").values_list("not_before", flat=True))
        begun = Execution.objects.filter(not_before=None).count()
        assert begun == 1, f"with the policy {policy} {begun} runs began within one cooldown"
        if policy == CooldownPolicy.SKIP:
            assert {one.until for one in answers} == {after(COOLDOWN_S)}, "an event was left out without a word"
        else:
            wanted = [COOLDOWN_S, 2 * COOLDOWN_S] if policy == CooldownPolicy.DELAY else [COOLDOWN_S]
            assert waits == [after(at) for at in wanted], f"with the policy {policy} runs wait until {waits}"
        assert Firing.objects.count() + Decision.objects.filter(outcome=Outcome.SUPPRESSED).count() == 3


def a_full_queue_answers_by_its_policy() -> None:
    """Promise 19: whoever decides, no more wait than may, and each event has a row that says what became of it."""
    for policy in QueuePolicy:
        trigger = _limited({"max_queued": 1, "queue_policy": policy.value})
        _at_once([_arrive(trigger, 0), _arrive(trigger, 1)], 1)
        queued = Execution.objects.filter(status=ExecutionStatus.QUEUED).count()
        assert queued == 1, f"with the policy {policy} {queued} runs wait where 1 may"
        answers = list(Decision.objects.order_by("event_id").values_list("outcome", "suppressed_by"))
        second = ("suppressed", "overlap") if policy == QueuePolicy.SKIP else ("fired", "")
        assert answers == [("fired", ""), second], f"with the policy {policy} the events were answered {answers}"
        dropped = Execution.objects.filter(status=ExecutionStatus.CANCELLED).exclude(reason="").count()
        assert dropped == int(policy == QueuePolicy.DROP_OLDEST), "a run was dropped without a reason"


def an_event_joins_no_run_that_has_begun() -> None:
    """Promise 19: that run would never hear of it. Admission comes between the plan and its commit."""
    for limits in ({"overlap": "coalesce"}, {"debounce_s": 30}, {"batch_s": 30}):
        trigger = _limited(limits)
        _decided(trigger, 0)
        plan = prepare(deliveries=[_arrive(trigger, 1)], now=after(1))
        assert admission.admit(now=after(30)) == 1
        try:
            decide_commit.commit(plan)
        except Overtaken:
            decide_pending(now=after(31))
        lost = Firing.objects.filter(execution__status=ExecutionStatus.STARTING).exclude(role=FiringRole.PRIMARY)
        assert not lost.exists(), f"with {limits} an event joined a run that had begun"


def runs_for_an_item_go_in_turn() -> None:
    """Promise 19: one at a time and in order, and the others say after which run they come."""
    trigger = _limited({"overlap": "queue"})
    for at in range(3):
        _decided(trigger, at)
    admission.admit(now=after(5))
    working = Execution.objects.filter(status=ExecutionStatus.STARTING).count()
    assert working == 1, f"{working} runs for one item at once"
    told = set(StartRequest.objects.filter(status="parked").values_list("reason", flat=True))
    assert told == {f"its turn comes after run {Execution.objects.earliest('pk').pk} for the same item"}


def a_replacement_is_whole() -> None:
    """Promise 19: the old run is cancelled and the new one exists, or neither, wherever the decider dies."""
    for place in ("ends.before_slots", "decide.before_commit", "decide.committed"):
        trigger = _limited({"overlap": "cancel_running"})
        _decided(trigger, 0)
        admission.admit(now=after(1))
        _arrive(trigger, 2)
        crash = dies_at(place)
        try:
            with patch.object(decide_commit, "crashpoint", crash), patch.object(ends, "crashpoint", crash):
                decide_pending(now=after(2))
        except Killed:
            pass
        if place != "decide.committed":
            left = list(Execution.objects.order_by("pk").values_list("status", flat=True))
            assert left == ["starting"], f"a crash at {place} left a part of it: {left}"
        decide_pending(now=after(3))
        old, new = Execution.objects.order_by("pk")
        assert (old.status, old.replaced_by) == (ExecutionStatus.CANCELLED, new), f"after a crash at {place}: {old}"
        assert new.status == ExecutionStatus.QUEUED
