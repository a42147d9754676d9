"""The paced drain: what is of a backlog, its turns, and what is decided first while much waits."""

from collections.abc import Mapping
from typing import Any

import pytest

from accounts.models import Connection
from agents.models import Limits, StartRequest
from agents.services import admission
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, WrittenOut, after, make_delivery, make_jira, make_trigger, ticket
from triggers.enums import ExecutionStatus, Origin, Outcome, Suppression
from triggers.models import Decision, Event, Execution, PendingDelivery, Trigger
from triggers.selectors.backlog import count_words, pace_words, span
from triggers.services.decide import share as decide_share
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.share import next_to_decide
from workspaces.models import ItemState

pytestmark = pytest.mark.django_db
NIGHT = 8 * 3600


def connection_of(trigger: Trigger) -> Connection:
    return trigger.listeners.get().connection


def arrive(trigger: Trigger, count: int = 1, at: float = 0, **over: Any) -> None:
    for _ in range(count):
        make_delivery(connection_of(trigger), now=after(at), **over)


def turns(trigger: Trigger) -> list[int]:
    starts = StartRequest.objects.filter(concurrency_key=f"trigger:{trigger.pk}").order_by("id")
    return list(starts.values_list("backlog_turn", flat=True))


class TestWhatIsOld:
    def test_an_event_that_waited_for_longer_than_the_limit_goes_with_the_backlog_and_says_so(self) -> None:
        trigger = make_trigger()
        arrive(trigger)
        decide_pending(now=after(NIGHT))
        decision = Decision.objects.get()
        assert decision.outcome == Outcome.FIRED
        assert decision.detail == "it was 28800 s old when it was decided: its run goes with the backlog"
        assert decision.facts == {"age_s": NIGHT, "backlog_after_s": 300}
        assert turns(trigger) == [1]

    @pytest.mark.parametrize(("waited", "turn"), [(300, 0), (301, 1)])
    def test_the_limit_itself_is_fresh(self, waited: float, turn: int) -> None:
        trigger = make_trigger()
        arrive(trigger)
        decide_pending(now=after(waited))
        assert turns(trigger) == [turn]

    def test_the_limit_may_be_another(self) -> None:
        Limits.objects.update(backlog_after_s=10)
        trigger = make_trigger()
        arrive(trigger)
        decide_pending(now=after(11))
        assert turns(trigger) == [1]

    def test_what_a_webhook_says_of_its_time_makes_no_backlog(self) -> None:
        trigger = make_trigger()
        make_delivery(connection_of(trigger), {"time": after(-NIGHT).isoformat()})
        decide_pending(now=NOON)
        assert turns(trigger) == [0]

    def test_what_is_fetched_is_as_old_as_it_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(WrittenOut, "poller", object())
        trigger = make_trigger()
        make_delivery(connection_of(trigger), {"time": after(-NIGHT).isoformat()})
        decide_pending(now=NOON)
        assert turns(trigger) == [1]

    def test_what_is_not_live_is_of_now(self) -> None:
        trigger = make_trigger()
        arrive(trigger, origin=Origin.TIMER)
        decide_pending(now=after(NIGHT))
        assert turns(trigger) == [0]

    def test_what_fires_nothing_costs_no_look_at_the_limits(self, django_assert_num_queries: Any) -> None:
        arrive(make_trigger(conditions={"none": [{"type": "trust_tier", "config": {"at_least": "open"}}]}))
        Limits.objects.all().delete()
        assert decide_pending(now=after(NIGHT)) == 1


class TestTurns:
    def test_triggers_alternate_however_many_one_of_them_has(self) -> None:
        many, few = make_trigger(), make_trigger()
        arrive(many, 4)
        decide_pending(now=after(NIGHT))
        arrive(few, 2)
        decide_pending(now=after(NIGHT))
        arrive(many, 1)
        decide_pending(now=after(NIGHT))
        assert (turns(many), turns(few)) == ([1, 2, 3, 4, 5], [1, 2])

    def test_one_that_comes_when_others_are_under_way_joins_at_the_turn_that_is_due(self) -> None:
        many, late = make_trigger(), make_trigger()
        arrive(many, 3)
        decide_pending(now=after(NIGHT))
        StartRequest.objects.filter(backlog_turn__lt=3).update(status="done")
        arrive(late)
        decide_pending(now=after(NIGHT))
        assert turns(late) == [3]


class TestStale:
    def test_stale_ones_are_answered_so_and_the_rest_does_not_start_once_it_is(self) -> None:
        trigger = make_trigger(limits={"stale_after_s": 3600})
        arrive(trigger, at=0)
        make_delivery(connection_of(trigger), {"time": after(1800).isoformat()}, now=after(1800))
        decide_pending(now=after(4000))
        answers = Decision.objects.order_by("event_id").values_list("outcome", "suppressed_by")
        assert list(answers) == [(Outcome.SUPPRESSED, Suppression.STALE), (Outcome.FIRED, "")]
        execution = Execution.objects.get()
        start = StartRequest.objects.get(subject_id=execution.pk)
        assert execution.expires_at == start.expires_at == after(1800 + 3600)

        admission.expire_starts(now=after(1800 + 3600))

        execution.refresh_from_db()
        assert execution.status == ExecutionStatus.EXPIRED
        assert execution.reason == (
            "It waited longer than its trigger allows. Its event was old already: it stood in the backlog."
        )

    def test_a_shorter_patience_of_the_trigger_is_kept(self) -> None:
        trigger = make_trigger(limits={"stale_after_s": 36_000, "expires_s": 60})
        arrive(trigger)
        decide_pending(now=after(400))
        assert Execution.objects.get().expires_at == after(460)

    def test_fresh_ones_wait_as_long_as_ever(self) -> None:
        trigger = make_trigger(limits={"stale_after_s": 3600, "expires_s": 7200})
        arrive(trigger)
        decide_pending(now=NOON)
        assert Execution.objects.get().expires_at == after(7200)


class TestShare:
    """Which deliveries are decided next."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decide_share, "SHARE", 2)
        monkeypatch.setattr(decide_share, "NEWEST", 4)

    def deliver(self, connection: Connection, count: int) -> list[int]:
        return [make_delivery(connection).pk for _ in range(count)]

    def test_few_are_decided_in_the_order_of_arrival(self) -> None:
        first, second = make_jira(), make_jira()
        ids = self.deliver(first, 2) + self.deliver(second, 1)
        assert next_to_decide(10) == ids

    def test_another_connection_is_let_in_front_of_many_with_its_oldest(self) -> None:
        flood, other = self.deliver(make_jira(), 6), self.deliver(make_jira(), 3)
        assert next_to_decide(5) == other[:2] + flood[:5]

    def test_what_is_fresh_of_the_same_connection_stays_behind_what_is_older(self) -> None:
        connection = make_jira()
        ids = self.deliver(connection, 9)
        assert next_to_decide(5) == ids[:5]

    def test_a_connection_that_has_some_among_the_oldest_stays_in_its_order(self) -> None:
        flood, other = make_jira(), make_jira()
        ids = self.deliver(flood, 2) + self.deliver(other, 1) + self.deliver(flood, 4) + self.deliver(other, 2)
        assert next_to_decide(5) == ids[:5]

    def test_what_was_decided_before_is_not_brought_again(self) -> None:
        flood, other = make_jira(), make_jira()
        ids = self.deliver(flood, 6)
        mine = self.deliver(other, 2)
        PendingDelivery.objects.filter(pk=mine[0]).delete()
        assert next_to_decide(5) == [mine[1], *ids[:5]]

    def test_a_state_never_goes_backwards_while_much_waits(self) -> None:
        flood, other = make_jira(owner=make_user()), make_jira(owner=make_user())
        self.deliver(flood, 6)
        for number in range(1, 5):
            make_delivery(other, ticket(state={"status": f"step {number}"}))
        while decide_pending(now=after(NIGHT), limit=5):
            pass
        states = ItemState.objects.order_by("version").values_list("state", flat=True)
        assert [state["status"] for state in states] == ["step 1", "step 2", "step 3", "step 4"]
        assert not Event.objects.filter(is_late=True).exists()


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "words"), [(0, "1 s"), (89, "89 s"), (90, "2 min"), (7000, "117 min"), (7200, "2 h")]
    )
    def test_spans_are_rough(self, seconds: int, words: str) -> None:
        assert span(seconds) == words

    def standing(self, **over: Any) -> Any:
        values: Mapping[str, Any] = {"waiting": 1998, "per_minute": 40.0, "through_s": 2997, "most": 2, **over}
        return type("Standing", (), dict(values))

    def test_the_pace_and_the_end_are_told(self) -> None:
        assert count_words(self.standing()) == "1,998 executions of old events wait"
        assert count_words(self.standing(waiting=1)) == "1 execution of an old event waits"
        assert pace_words(self.standing()) == "About 40 a minute begin; at that pace the last one does in 50 min."
        assert pace_words(self.standing(per_minute=1.25)).startswith("About 1.2 a minute begin")
        assert pace_words(self.standing(per_minute=None, through_s=None)) == "None has begun yet."
