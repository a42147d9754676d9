"""The reasons for which a trigger that matched does not fire: each stored, with what it rests on."""

from dataclasses import replace
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role, Toggle
from accounts.models import Connection, FeatureToggle, User
from accounts.operations import TABLE, Operation, Reach
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from triggers.documents import LimitsPart
from triggers.enums import CooldownPolicy, LatePolicy, Origin, Outcome, Suppression, TriggerStatus
from triggers.models import Decision, Event, Execution, Trigger
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.rules import Circumstances, delayed_until, suppression
from triggers.services.standing import disable, pause, resume, shadow
from triggers.sources.internal.order import Order

SYSTEM = Actor.system()
FREE = Circumstances(
    status=TriggerStatus.ACTIVE,
    limits=LimitsPart(),
    origin=Origin.LIVE,
    hop=0,
    is_late=False,
    actor="kim",
    event_time=NOON,
    accepted_at=NOON,
    now=NOON,
)
COOLING: dict[str, Any] = {"last_fired_at": after(-10), "free_at": after(50)}
CASES: list[tuple[str, dict[str, Any], Suppression | None]] = [
    ("nothing is in the way", {}, None),
    ("five hops are allowed", {"hop": 5}, None),
    ("six are not", {"hop": 6}, Suppression.HOP_LIMIT),
    ("own write, whatever the case", {"own_actors": ("KIM",)}, Suppression.OWN_WRITE),
    ("somebody else's write", {"own_actors": ("dct",)}, None),
    ("nobody wrote it", {"actor": "", "own_actors": ("",)}, None),
    ("paused", {"status": TriggerStatus.PAUSED}, Suppression.PAUSED),
    ("source paused", {"is_source_paused": True}, Suppression.SOURCE_PAUSED),
    ("owner's rights", {"rights_problem": "its owner is gone"}, Suppression.OWNER_RIGHTS),
    ("late is judged", {"is_late": True}, None),
    ("late is skipped", {"is_late": True, "limits": LimitsPart(late=LatePolicy.SKIP)}, Suppression.LATE),
    ("as old as allowed", {"now": after(60), "limits": LimitsPart(stale_after_s=60)}, None),
    ("too old", {"now": after(61), "limits": LimitsPart(stale_after_s=60)}, Suppression.STALE),
    ("old at the sender", {"event_time": after(-61), "limits": LimitsPart(stale_after_s=60)}, Suppression.STALE),
    (
        "a replay is never too old",
        {"now": after(999), "origin": Origin.REPLAY, "limits": LimitsPart(stale_after_s=60)},
        None,
    ),
    ("in the cooldown", {**COOLING}, Suppression.COOLDOWN),
    ("cooldown bypassed", {**COOLING, "is_cooldown_bypassed": True}, None),
    ("cooldown over", {**COOLING, "accepted_at": after(50)}, None),
    ("cooldown delays", {**COOLING, "limits": LimitsPart(cooldown_policy=CooldownPolicy.DELAY)}, None),
    ("never fired", {"free_at": after(50)}, Suppression.COOLDOWN),
]


@pytest.mark.one_pass
@pytest.mark.parametrize(("given", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_first_rule_that_holds_answers(given: dict[str, Any], expected: Suppression | None) -> None:
    answer = suppression(replace(FREE, **given))

    assert (answer.by if answer else None) == expected


@pytest.mark.one_pass
def test_only_a_delaying_cooldown_puts_the_start_off() -> None:
    delaying = LimitsPart(cooldown_policy=CooldownPolicy.DELAY)
    assert delayed_until(replace(FREE, limits=delaying, **COOLING)) == after(50)
    assert delayed_until(replace(FREE, limits=delaying)) is None
    assert delayed_until(replace(FREE, **COOLING)) is None


def connection_of(trigger: Trigger) -> Connection:
    return trigger.listeners.get().connection


def decide_one(trigger: Trigger, at: float = 0, **over: Any) -> Decision:
    """Deliver one event to the trigger's connection, decide at once, and return the stored answer."""
    make_delivery(connection_of(trigger), {"actor": "kim"}, now=after(at), **over)
    decide_pending(now=after(at))
    return Decision.objects.get(event=Event.objects.latest("pk"))


@pytest.mark.django_db
class TestStored:
    def test_a_paused_trigger_does_not_fire_and_says_so(self) -> None:
        trigger = make_trigger()
        pause(trigger=trigger, by=SYSTEM, now=NOON, reason="Holiday")

        decision = decide_one(trigger)

        assert (decision.outcome, decision.suppressed_by) == (Outcome.SUPPRESSED, Suppression.PAUSED)
        assert decision.because["holds"] is True
        assert not Execution.objects.exists()

    def test_a_resumed_trigger_fires_again(self) -> None:
        trigger = make_trigger()
        pause(trigger=trigger, by=SYSTEM, now=NOON)
        resume(trigger=trigger, by=SYSTEM, now=NOON)

        assert decide_one(trigger).outcome == Outcome.FIRED

    def test_a_shadow_trigger_records_and_does_not_act(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        shadow(trigger=trigger, by=SYSTEM, now=NOON)

        assert decide_one(trigger).outcome == Outcome.SHADOWED
        assert decide_one(trigger, 1).outcome == Outcome.SHADOWED
        assert not Execution.objects.exists()

    def test_a_disabled_trigger_is_not_asked(self) -> None:
        trigger = make_trigger()
        disable(trigger=trigger, by=SYSTEM, now=NOON)
        make_delivery(connection_of(trigger))

        decide_pending(now=NOON)

        assert not Decision.objects.exists()

    @pytest.mark.parametrize("fields", [{"is_paused": True}, {"is_enabled": False}])
    def test_a_paused_or_disabled_connection_is_heard_and_fires_nothing(self, fields: dict[str, bool]) -> None:
        trigger = make_trigger()
        Connection.objects.filter(pk=connection_of(trigger).pk).update(**fields)

        assert decide_one(trigger).suppressed_by == Suppression.SOURCE_PAUSED

    def test_what_dct_wrote_itself_fires_nothing(self) -> None:
        connection = make_jira(config={"own_actors": ["Kim"]})
        trigger = make_trigger(connection=connection)

        decision = decide_one(trigger)

        assert decision.suppressed_by == Suppression.OWN_WRITE
        assert decision.facts == {"actor": "kim"}

    def test_an_event_too_many_hops_away_fires_nothing(self) -> None:
        trigger = make_trigger()
        order = Order(source="internal", type="dct.execution.failed", time=NOON, external_id="x", hop=6)
        decision = decide_one(trigger, source="internal", origin=Origin.INTERNAL, body=order.to_body())

        assert decision.suppressed_by == Suppression.HOP_LIMIT
        assert decision.facts["hop"] == 6

    def test_an_event_that_waited_too_long_is_stale(self) -> None:
        trigger = make_trigger(limits={"stale_after_s": 60})
        make_delivery(connection_of(trigger))

        decide_pending(now=after(90))

        decision = Decision.objects.get()
        assert decision.suppressed_by == Suppression.STALE
        assert decision.facts == {"age_s": 90, "stale_after_s": 60}

    def test_a_late_event_is_skipped_where_the_trigger_says_so(self) -> None:
        trigger = make_trigger(limits={"late": "skip"})
        ticket = {"item": {"key": "OPS-1"}}
        make_delivery(connection_of(trigger), {**ticket, "upstream_version": "2"})
        make_delivery(connection_of(trigger), {**ticket, "upstream_version": "1"})

        decide_pending(now=NOON)

        assert [one.suppressed_by for one in Decision.objects.order_by("pk")] == ["", Suppression.LATE]


@pytest.mark.django_db
class TestCooldown:
    def test_it_counts_from_the_accepted_time_of_the_event_that_fired(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        make_delivery(connection_of(trigger))
        decide_pending(now=after(30))

        decision = decide_one(trigger, 59)

        assert (decision.suppressed_by, decision.until) == (Suppression.COOLDOWN, after(60))
        assert decision.facts == {"last_fired_at": NOON.isoformat(), "cooldown_s": 60}
        assert decide_one(trigger, 60).outcome == Outcome.FIRED

    def test_one_batch_fires_once(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        for at in range(3):
            make_delivery(connection_of(trigger), now=after(at))

        decide_pending(now=after(3))

        assert [one.outcome for one in Decision.objects.order_by("pk")] == ["fired", "suppressed", "suppressed"]

    def test_one_that_delays_queues_its_work_a_cooldown_apart(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60, "cooldown_policy": "delay", "expires_s": 100})
        make_delivery(connection_of(trigger))
        decide_pending(now=NOON)
        for at in (10, 20):
            make_delivery(connection_of(trigger), now=after(at))
        decide_pending(now=after(20))
        make_delivery(connection_of(trigger), now=after(30))
        decide_pending(now=after(30))

        executions = list(Execution.objects.order_by("pk"))
        assert [one.not_before for one in executions] == [None, after(60), after(120), after(180)]
        assert [one.start.not_before for one in executions if one.start] == [None, after(60), after(120), after(180)]
        assert executions[1].expires_at == after(160)

    def test_a_step_back_of_the_clock_does_not_end_it(self) -> None:
        trigger = make_trigger(limits={"cooldown_s": 60})
        decide_one(trigger, 100)

        assert decide_one(trigger, -500).suppressed_by == Suppression.COOLDOWN
        trigger.refresh_from_db()
        assert trigger.last_fired_at == after(100)


@pytest.mark.django_db
class TestOwner:
    def make_ceo_trigger(self) -> tuple[User, Trigger]:
        ceo = make_user(role=Role.CEO)
        return ceo, make_trigger(owner=ceo)

    def test_a_ceo_fires_triggers_on_own_connections(self) -> None:
        _, trigger = self.make_ceo_trigger()

        assert decide_one(trigger).outcome == Outcome.FIRED

    def test_a_trigger_of_a_deactivated_owner_does_not_fire_and_is_paused_with_the_reason(self) -> None:
        owner, trigger = self.make_ceo_trigger()
        User.objects.filter(pk=owner.pk).update(is_active=False)

        decision = decide_one(trigger)

        assert decision.suppressed_by == Suppression.OWNER_RIGHTS
        trigger.refresh_from_db()
        assert trigger.status == TriggerStatus.PAUSED
        assert trigger.pause_reason == f"Its owner, {owner}, is no longer active"
        assert decide_one(trigger, 1).suppressed_by == Suppression.PAUSED

    def test_an_owner_who_can_no_longer_see_the_connection_loses_the_trigger_to_a_pause(self) -> None:
        _, trigger = self.make_ceo_trigger()
        Connection.objects.update(owner=make_user())

        decision = decide_one(trigger)

        assert decision.suppressed_by == Suppression.OWNER_RIGHTS
        assert "may no longer see" in decision.detail

    @pytest.mark.parametrize(("operation", "words"), [("fire", "fire triggers"), ("edit_workspaces", "workspaces")])
    def test_a_role_that_lost_a_right_pauses_its_triggers(
        self, monkeypatch: pytest.MonkeyPatch, operation: str, words: str
    ) -> None:
        _, trigger = self.make_ceo_trigger()
        rule = TABLE[Operation(operation)]
        monkeypatch.setitem(TABLE, Operation(operation), replace(rule, ceo=Reach.NEVER))

        assert words in decide_one(trigger).detail

    def test_triggers_go_on_firing_while_trigger_management_is_switched_off(self) -> None:
        _, trigger = self.make_ceo_trigger()
        FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)

        assert decide_one(trigger).outcome == Outcome.FIRED

    def test_a_right_is_asked_about_once_for_each_trigger_and_item_of_a_batch(self) -> None:
        _, trigger = self.make_ceo_trigger()
        for _ in range(2):
            make_delivery(connection_of(trigger))

        decide_pending(now=NOON)

        assert Execution.objects.count() == 2
