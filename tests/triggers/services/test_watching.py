"""Armed absences: what arms and disarms, that the time comes back once, and that the answer rests on what came."""

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.models import Connection
from dct_site.engine.tick import tick
from dct_site.kernel import clock
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from tests.untouched import nothing_changes
from triggers.conditions.absences import absences
from triggers.enums import Origin, Outcome, WatchStatus
from triggers.models import Decision, Delivery, Event, PendingDelivery, Trigger, Watch
from triggers.services import drafts, publishing, standing, watch_rules, watches
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import past as decide_past
from triggers.services.decide import pending as decide
from triggers.services.decide import watches as decide_watches
from triggers.services.decide.past import past_of
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.dry_run import try_on_events, try_on_payload
from triggers.services.fire import fire
from triggers.services.replays.event import replay
from triggers.services.watches import elapse_due
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
ASKED = {"type": "new_message", "config": {}}
ANSWERED = {"type": "thread_reply", "config": {}}
HOUR = 3600


def unanswered(within: int = HOUR, **config: Any) -> dict[str, Any]:
    return {"type": "absence", "config": {"after": ASKED, "without": ANSWERED, "within_s": within, **config}}


def waiting(*others: Any, connection: Connection | None = None, **config: Any) -> tuple[Trigger, Connection]:
    trigger = make_trigger(connection=connection, conditions={"all": [unanswered(**config), *others]})
    return trigger, trigger.listeners.get().connection


def question(key: str | None = "OPS-1", **over: Any) -> dict[str, Any]:
    item = {"item": {"key": key, "title": "The door"}} if key is not None else {}
    return {**item, "facts": {"kinds": ["message"]}, **over}


def reply(key: str = "OPS-1", **over: Any) -> dict[str, Any]:
    return question(key, facts={"kinds": [], "is_reply": True}, **over)


def come(connection: Connection, *events: dict[str, Any], at: float = 0, **over: Any) -> list[Event]:
    """Events come and are decided as one batch."""
    known = set(Event.objects.values_list("pk", flat=True))
    make_delivery(connection, *events, now=after(at), **over)
    decide_pending(now=after(at))
    return list(Event.objects.exclude(pk__in=known).order_by("pk"))


def pass_time(at: float) -> list[Event]:
    """The clock ticks, and what it brings is decided: the events of times that are up."""
    known = set(Event.objects.values_list("pk", flat=True))
    elapse_due(now=after(at))
    decide_pending(now=after(at))
    return list(Event.objects.exclude(pk__in=known).order_by("pk"))


def states() -> list[str]:
    return list(Watch.objects.order_by("pk").values_list("status", flat=True))


def answers(trigger: Trigger) -> list[str]:
    return list(Decision.objects.filter(trigger=trigger).order_by("event_id").values_list("outcome", flat=True))


NO, YES, ERROR = Outcome.NOT_MATCHED.value, Outcome.FIRED.value, Outcome.ERROR.value
ARMED, ELAPSED, DISARMED, ENDED = (status.value for status in WatchStatus)


def test_a_question_without_an_answer_fires_when_its_time_is_up_and_only_then() -> None:
    trigger, connection = waiting()
    (asked,) = come(connection, question())
    watch = Watch.objects.get()
    assert (watch.trigger, watch.item, watch.armed_by) == (trigger, asked.item, asked)
    assert (watch.status, watch.armed_at, watch.due_at) == (ARMED, NOON, after(HOUR))
    assert pass_time(HOUR - 1) == []
    (event,) = pass_time(HOUR)
    assert (event.type, event.origin, event.target_trigger_id) == ("dct.timer.elapsed", Origin.TIMER, trigger.pk)
    assert (event.item, event.time, event.hop) == (asked.item, after(HOUR), 1)
    assert answers(trigger) == [YES]
    assert states() == [ELAPSED]
    assert pass_time(2 * HOUR) == []


def test_an_answer_in_time_disarms() -> None:
    trigger, connection = waiting()
    come(connection, question())
    (answered,) = come(connection, reply(), at=HOUR - 1)
    watch = Watch.objects.get()
    assert (watch.status, watch.ended_by, watch.reason) == (DISARMED, answered, watch_rules.BROKEN)
    assert pass_time(HOUR + 1) == []
    assert answers(trigger) == []


def test_an_answer_that_comes_too_late_does_not() -> None:
    trigger, connection = waiting()
    come(connection, question())
    come(connection, reply(), at=HOUR)
    assert states() == [ARMED]
    assert len(pass_time(HOUR)) == 1
    assert answers(trigger) == [YES]


def test_of_one_batch_the_last_word_holds() -> None:
    trigger, connection = waiting()
    come(connection, question(), reply(), question("OPS-2"), question("OPS-3"), reply("OPS-2"))
    assert states() == [DISARMED, DISARMED, ARMED]
    assert [event.subject for event in pass_time(HOUR)] == ["OPS-3"]
    assert answers(trigger) == [YES]
    assert Watch.objects.earliest("pk").ended_by == Event.objects.order_by("pk")[1]


def test_what_came_before_the_question_is_no_answer() -> None:
    trigger, connection = waiting()
    come(connection, reply(), question())
    pass_time(HOUR)
    assert answers(trigger) == [YES]


def test_the_time_runs_from_the_first_question_unless_it_counts_from_the_last() -> None:
    first, connection = waiting()
    last, _ = waiting(connection=connection, counts_from="last")
    come(connection, question())
    (again,) = come(connection, question(), at=1800)
    due = dict(Watch.objects.filter(status=ARMED).values_list("trigger_id", "due_at"))
    assert due == {first.pk: after(HOUR), last.pk: after(1800 + HOUR)}
    ended = Watch.objects.get(trigger=last, status=DISARMED)
    assert (ended.ended_by, ended.reason) == (again, watch_rules.ANEW)
    pass_time(HOUR)
    assert (answers(first), answers(last)) == ([YES], [])
    pass_time(1800 + HOUR)
    assert (answers(first), answers(last)) == ([YES], [YES])


def test_what_arms_and_disarms_at_once_begins_anew() -> None:
    """No further message for an hour: each is the end of one silence and the beginning of the next."""
    trigger = make_trigger(conditions=[unanswered(without=ASKED)])
    connection = trigger.listeners.get().connection
    come(connection, question())
    come(connection, question(), at=HOUR - 1)
    assert states() == [DISARMED, ARMED]
    pass_time(HOUR)
    assert answers(trigger) == []
    pass_time(2 * HOUR)
    assert answers(trigger) == [YES]


def test_a_question_after_the_time_was_up_begins_another_one() -> None:
    trigger, connection = waiting()
    come(connection, question())
    come(connection, question(), at=HOUR + 1)
    assert states() == [ARMED, ARMED]
    pass_time(HOUR + 2)
    pass_time(3 * HOUR)
    assert answers(trigger) == [YES, YES]


def test_the_keys_of_a_leaf_narrow_what_arms_it() -> None:
    _, connection = waiting(from_user="ana")
    come(connection, question(actor="bea"), question("OPS-2", actor="ana"))
    assert [watch.item.external_key for watch in Watch.objects.all()] == ["OPS-2"]


def test_the_rest_of_the_conditions_is_asked_when_the_time_is_up() -> None:
    """Whatever it says when the watch is armed: what the first event must be like stands in the absence itself."""
    is_open = {"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": "open"}}
    trigger, connection = waiting(is_open)
    come(connection, question(state={"status": "new"}), question("OPS-2", state={"status": "new"}))
    assert states() == [ARMED, ARMED]
    come(connection, {"item": {"key": "OPS-1"}, "state": {"status": "open"}}, at=1)
    pass_time(HOUR)
    found = {row.event.subject: row.outcome for row in Decision.objects.filter(trigger=trigger)}
    assert found == {"OPS-1": YES}


def test_what_belongs_to_no_item_arms_nothing() -> None:
    trigger, connection = waiting()
    come(connection, question(None))
    assert states() == []
    assert answers(trigger) == []


def test_replays_baselines_and_what_a_person_fires_arm_and_disarm_nothing() -> None:
    trigger, connection = waiting()
    come(connection, question("OPS-9"), origin=Origin.BACKFILL)
    (asked,) = come(connection, question())
    (answered,) = come(connection, reply("OPS-2"))
    replay(event=asked, trigger=None, by=SYSTEM, now=after(1))
    fire(trigger=trigger, item=asked.item, by=SYSTEM, now=after(1))
    Event.objects.filter(pk=answered.pk).update(item=asked.item)
    answered.refresh_from_db()
    replay(event=answered, trigger=None, by=SYSTEM, now=after(1))
    decide_pending(now=after(1))
    assert states() == [ARMED]
    Event.objects.filter(pk=answered.pk).delete()
    pass_time(HOUR)
    assert Decision.objects.latest("pk").outcome == YES


def test_no_other_trigger_hears_of_the_time_not_even_one_that_asks_the_same() -> None:
    trigger, connection = waiting()
    twin, _ = waiting(connection=connection)
    wide = make_trigger(connection=connection)
    come(connection, question())
    standing.pause(trigger=twin, by=SYSTEM, now=after(1))
    Decision.objects.all().delete()
    events = pass_time(HOUR)
    assert {event.target_trigger_id for event in events} == {trigger.pk, twin.pk}
    assert answers(trigger) == [YES]
    assert answers(wide) == []
    (mine,) = [event for event in events if event.target_trigger_id == trigger.pk]
    # Asked again, of everybody: the twin's own watch is another one.
    standing.resume(trigger=twin, by=SYSTEM, now=after(HOUR))
    replay(event=mine, trigger=None, by=SYSTEM, now=after(2 * HOUR))
    decide_pending(now=after(2 * HOUR))
    again = Event.objects.latest("pk")
    found = {row.trigger_id: row.outcome for row in Decision.objects.filter(event=again)}
    assert (found[trigger.pk], found.get(twin.pk)) == (YES, None)


def test_a_replay_of_a_time_that_was_up_gets_the_answer_of_then() -> None:
    trigger, connection = waiting()
    come(connection, question())
    (event,) = pass_time(HOUR)
    come(connection, reply(), at=HOUR + 5)
    replay(event=event, trigger=trigger, by=SYSTEM, now=after(9 * HOUR))
    decide_pending(now=after(9 * HOUR))
    assert answers(trigger) == [YES, YES]


def test_several_absences_of_a_trigger_have_their_own_times() -> None:
    trigger = make_trigger(conditions={"any": [unanswered(60), unanswered(120, without=ASKED), unanswered(60)]})
    connection = trigger.listeners.get().connection
    come(connection, question())
    # The two that ask the same are one.
    assert [watch.due_at for watch in Watch.objects.order_by("due_at")] == [after(60), after(120)]
    come(connection, reply(), at=1)
    assert len(pass_time(60)) == 0
    assert len(pass_time(120)) == 1
    kept = Decision.objects.get()
    assert [child["holds"] for child in kept.because["children"]] == [False, True, False]


def test_an_event_that_arms_or_disarms_whatever_the_index_holds_is_found_among_many() -> None:
    connection = make_jira()
    owner = make_user()
    for at in range(6):
        make_trigger(
            connection=connection,
            owner=owner,
            conditions=[{"type": "field", "config": {"path": "data.a", "operator": "equals", "value": at}}],
        )
    other = {"type": "field", "config": {"path": "data.a", "operator": "equals", "value": "never"}}
    waiting(other, connection=connection)
    come(connection, question())
    assert states() == [ARMED]
    come(connection, reply(), at=1)
    assert states() == [DISARMED]


def test_the_answer_rests_on_another_look_at_what_came_in_between() -> None:
    """An answer that was decided after the clock had taken the watch, but accepted in time."""
    _, connection = waiting()
    come(connection, question())
    make_delivery(connection, reply(), now=after(HOUR - 1))
    elapse_due(now=after(HOUR))
    assert states() == [ELAPSED]
    decide_pending(now=after(HOUR))
    (kept,) = Decision.objects.all()
    answered, timer = Event.objects.order_by("pk")[1:3]
    assert (kept.event, kept.outcome, kept.facts) == (timer, NO, {"counted_events": [answered.pk]})


def test_what_was_decided_too_late_after_a_long_rest_is_answered_all_the_same() -> None:
    """Nothing was decided for three hours: the times are those of acceptance."""
    trigger, connection = waiting()
    for events, at in (([question(), question("OPS-2")], 0), ([reply()], 600)):
        make_delivery(connection, *events, now=after(at))
    decide_pending(now=after(3 * HOUR))
    pass_time(3 * HOUR)
    assert [event.subject for event in Event.objects.filter(origin=Origin.TIMER)] == ["OPS-2"]
    assert answers(trigger) == [YES]


def test_what_is_no_longer_kept_is_no_sign_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question(), question("OPS-2"))
    come(connection, {"item": {"key": "OPS-1"}}, at=5)
    Event.objects.filter(accepted_at=after(5)).update(purged_at=NOON, facts={}, data={}, changes={})
    pass_time(HOUR)
    found = {row.event.subject: row for row in Decision.objects.filter(trigger=trigger)}
    assert {key: row.outcome for key, row in found.items()} == {"OPS-1": ERROR, "OPS-2": YES}
    assert "no longer kept" in found["OPS-1"].detail


def test_more_events_than_are_looked_at_are_no_sign_of_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question())
    for at in range(3):
        come(connection, {"item": {"key": "OPS-1"}}, at=at)
    monkeypatch.setattr(decide_past, "MOST", 2)
    pass_time(HOUR)
    assert answers(trigger) == [ERROR]


def test_where_it_cannot_be_told_whether_an_event_arms_it_is_an_error_and_no_silent_no() -> None:
    compared = {"type": "field", "config": {"path": "data.a", "operator": "gte", "value": 1}}
    trigger = make_trigger(conditions=[unanswered(after=compared)])
    come(trigger.listeners.get().connection, question(data={"a": "text"}))
    assert answers(trigger) == [ERROR]
    assert "whether this event arms it" in Decision.objects.get().detail


def test_where_it_cannot_be_told_whether_an_event_is_the_answer_the_end_cannot_be_told() -> None:
    compared = {"type": "field", "config": {"path": "data.a", "operator": "gte", "value": 1}}
    trigger = make_trigger(conditions=[unanswered(without=compared)])
    connection = trigger.listeners.get().connection
    come(connection, question(), {"item": {"key": "OPS-1"}, "data": {"a": "text"}})
    pass_time(HOUR)
    assert answers(trigger) == [ERROR]


def test_an_item_that_is_gone_takes_its_watches_along() -> None:
    trigger, connection = waiting()
    come(connection, question(), question("OPS-2"))
    elapse_due(now=after(HOUR))
    ContextItem.objects.get(external_key="OPS-1").delete()
    assert [watch.item.external_key for watch in Watch.objects.all()] == ["OPS-2"]
    decide_pending(now=after(HOUR))
    # Its time had come back already; now nobody can tell.
    assert sorted(answers(trigger)) == [ERROR, YES]


def test_as_many_as_may_be_are_armed_and_one_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_watches, "MOST_ARMED", 2)
    _, connection = waiting()
    come(connection, question(), question("OPS-2"), question("OPS-3"))
    assert states() == [ARMED, ARMED]
    kept = Decision.objects.get()
    assert kept.event.item is not None
    assert (kept.event.item.external_key, kept.outcome) == ("OPS-3", ERROR)
    assert kept.detail == "No watch was armed: 2 of this trigger are armed already, as many as may be."
    come(connection, reply("OPS-1"), question("OPS-3"), at=1)
    assert states() == [DISARMED, ARMED, ARMED]


def test_one_that_fires_at_once_fires_also_where_no_watch_was_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_watches, "MOST_ARMED", 0)
    trigger = make_trigger(conditions={"any": [ASKED, unanswered()]})
    come(trigger.listeners.get().connection, question())
    kept = Decision.objects.get()
    assert kept.outcome == YES
    assert kept.facts["not_watched"].startswith("No watch was armed")


def test_an_event_of_the_clock_that_is_no_longer_kept_is_nobodys() -> None:
    trigger, connection = waiting()
    come(connection, question())
    (event,) = pass_time(HOUR)
    event.data = {}
    past = past_of(event, conditions=trigger.draft["conditions"], trigger_id=trigger.pk)
    assert past.silence(watch=Watch.objects.get().condition, broken_by=ANSWERED) is None


def test_a_database_that_is_gone_for_a_moment_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question())
    elapse_due(now=after(HOUR))

    def gone(*_args: Any) -> Any:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(decide_past.Stored, "after", gone)
        with pytest.raises(OperationalError):
            decide_pending(now=after(HOUR))
    decide_pending(now=after(HOUR))
    assert answers(trigger) == [YES]


# ---- what ends a watch ----


def test_a_paused_trigger_arms_and_its_time_is_answered_as_paused() -> None:
    trigger, connection = waiting()
    standing.pause(trigger=trigger, by=SYSTEM, now=NOON)
    come(connection, question())
    pass_time(HOUR)
    (kept,) = Decision.objects.all()
    assert (kept.outcome, kept.suppressed_by) == ("suppressed", "paused")
    assert states() == [ELAPSED]


@pytest.mark.parametrize("end", [standing.disable, standing.delete_trigger])
def test_who_is_no_longer_asked_has_no_watches(end: Any) -> None:
    trigger, connection = waiting()
    come(connection, question())
    end(trigger=trigger, by=SYSTEM, now=after(1))
    assert states() == [ENDED]
    assert Watch.objects.get().reason == watches.NOT_ASKED
    assert pass_time(HOUR) == []


def publish(trigger: Trigger, conditions: Any) -> None:
    trigger.refresh_from_db()
    document = {**trigger.draft, "conditions": conditions}
    drafts.save_draft(trigger=trigger, document=document, version=trigger.version, by=SYSTEM, now=after(1))
    publishing.publish(trigger=trigger, by=SYSTEM, now=after(1))


def test_a_revision_without_the_absence_ends_it_and_one_with_the_same_goes_on_with_it() -> None:
    trigger, connection = waiting()
    come(connection, question())
    publish(trigger, {"any": [{"type": "mention"}, unanswered()]})
    assert states() == [ARMED]
    publish(trigger, [unanswered(HOUR + 1)])
    assert states() == [ENDED]
    assert pass_time(2 * HOUR) == []


def test_what_was_left_over_is_ended_by_the_clock_and_comes_back_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question())
    monkeypatch.setattr(standing, "end_watches", lambda **_: 0)
    standing.disable(trigger=trigger, by=SYSTEM, now=after(1))
    assert states() == [ARMED]
    assert pass_time(HOUR) == []
    assert states() == [ENDED]


def test_more_than_a_batch_is_ended_and_elapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "BATCH", 2)
    trigger, connection = waiting()
    come(connection, *(question(f"OPS-{at}") for at in range(5)))
    assert elapse_due(now=after(HOUR), batches=2) == 4
    assert states().count(ELAPSED) == 4
    come(connection, *(question(f"OPS-{at}") for at in range(5, 9)))
    assert watches.end_watches(trigger=trigger, now=NOON) == 0
    Trigger.objects.filter(pk=trigger.pk).update(published=None, status="disabled")
    assert watches.end_watches(trigger=trigger, now=NOON) == 5


# ---- the clock ----


def test_the_tick_brings_what_is_due() -> None:
    _, connection = waiting()
    come(connection, question())
    tick(NOON)
    assert states() == [ELAPSED]
    assert Delivery.objects.latest("pk").delivery_key == f"watch:{Watch.objects.get().pk}"


def test_due_is_what_the_databases_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ticks may have a clock of its own."""
    _, connection = waiting()
    come(connection, question())
    monkeypatch.setattr(clock, "db_now", lambda _: after(HOUR - 1))
    tick(after(9 * HOUR))
    assert states() == [ARMED]
    monkeypatch.setattr(clock, "db_now", lambda _: after(HOUR))
    tick(NOON)
    assert states() == [ELAPSED]


def test_one_that_was_accepted_already_is_not_accepted_again() -> None:
    """As after a restored backup: the state says armed, the delivery is there."""
    trigger, connection = waiting()
    come(connection, question())
    pass_time(HOUR)
    Watch.objects.update(status=ARMED)
    assert pass_time(HOUR + 5) == []
    assert states() == [ELAPSED]
    assert answers(trigger) == [YES]


def test_the_longest_overdue_comes_first() -> None:
    _, connection = waiting()
    for at, key in ((30, "OPS-1"), (10, "OPS-2"), (20, "OPS-3")):
        come(connection, question(key), at=at)
    assert [event.subject for event in pass_time(2 * HOUR)] == ["OPS-2", "OPS-3", "OPS-1"]


# ---- a dry run and a back-test ----


def test_a_dry_run_says_what_it_would_arm_and_arms_nothing() -> None:
    trigger, connection = waiting()
    asked, answered, other = come(connection, question(), reply(), question(None), at=7)
    replay(event=asked, trigger=trigger, by=SYSTEM, now=after(8))
    decide_pending(now=after(8))
    again = Event.objects.get(replay_of=asked)
    Watch.objects.all().delete()
    document = {**trigger.draft, "conditions": [unanswered(60), unanswered(90, after=[ASKED])]}
    with nothing_changes():
        tried = try_on_events(
            trigger=trigger,
            document=document,
            owner=trigger.owner,
            events=[asked, answered, other, again],
            now=after(9_000),
        )
        (pasted,) = try_on_payload(
            trigger=trigger,
            document=document,
            owner=trigger.owner,
            connection=connection,
            body=json.dumps([question()]).encode(),
            headers={},
            now=after(9_000),
        )
    assert [one.outcome for one in tried] == [NO] * 4
    assert [one.would_arm for one in tried] == [(after(67), after(97)), (), (), ()]
    assert [one.would_disarm for one in tried] == [False, True, False, False]
    assert pasted.would_arm == (after(9_060), after(9_090))
    assert states() == []


def test_a_dry_run_of_a_time_that_was_up_gets_the_answer_of_then() -> None:
    trigger, connection = waiting()
    come(connection, question())
    (event,) = pass_time(HOUR)
    same = {**trigger.draft, "conditions": [unanswered(after=[ASKED])]}
    for document, expected in (
        (trigger.draft, YES),
        ({**trigger.draft, "conditions": [unanswered()]}, YES),
        # Another absence, whose time was not up.
        (same, NO),
    ):
        (tried,) = try_on_events(
            trigger=trigger, document=document, owner=trigger.owner, events=[event], now=after(9_000)
        )
        assert tried.outcome == expected


# ---- what the commit looks at again ----


def commit_after(monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> list[Plan]:
    """Something happens between the plan and its commit, once."""
    plans: list[Plan] = []

    def commit(plan: Plan) -> None:
        plans.append(plan)
        if len(plans) == 1:
            meanwhile()
        decide_commit.commit(plan)

    monkeypatch.setattr(decide, "commit", commit)
    return plans


def test_a_watch_whose_time_is_up_meanwhile_is_not_disarmed(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question())
    plans = commit_after(monkeypatch, lambda: elapse_due(now=after(HOUR)))
    come(connection, reply(), at=HOUR - 1)
    assert len(plans) == 2
    assert states() == [ELAPSED]
    # It came in time all the same.
    decide_pending(now=after(HOUR))
    assert answers(trigger) == [NO]


def test_a_watch_that_another_decider_armed_meanwhile_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    (first,) = come(connection, question())
    Watch.objects.all().delete()
    item = ContextItem.objects.get()

    def arm() -> None:
        Watch.objects.create(
            trigger=trigger,
            revision_id=trigger.published_id or 0,
            item=item,
            condition=absences(trigger.draft["conditions"])[0].name,
            armed_by=first,
            armed_at=NOON,
            due_at=after(HOUR),
        )

    plans = commit_after(monkeypatch, arm)
    come(connection, question(), at=1)
    assert len(plans) == 2
    assert states() == [ARMED]


def test_there_is_room_when_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = waiting()
    come(connection, question())

    def full() -> None:
        monkeypatch.setattr(decide_watches, "MOST_ARMED", 1)

    plans = commit_after(monkeypatch, full)
    come(connection, question("OPS-2"), at=1)
    assert len(plans) == 2
    assert answers(trigger) == [ERROR]


def test_the_trigger_is_locked_before_its_watches_are_looked_at_again() -> None:
    _, connection = waiting()
    make_delivery(connection, question())
    with CaptureQueriesContext(database) as asked:
        decide_pending(now=NOON)
    sql = [query["sql"] for query in asked]
    locks = [at for at, text in enumerate(sql) if "FOR NO KEY UPDATE" in text and "triggers_trigger" in text]
    looks = [at for at, text in enumerate(sql) if 'FROM "triggers_watch"' in text]
    assert looks
    assert database.vendor != "postgresql" or (locks and locks[-1] < looks[-1])


def test_what_is_disarmed_is_held_before_it_is_looked_at_again() -> None:
    """Or a clock could take it between the look and the move."""
    _, connection = waiting()
    come(connection, question())
    make_delivery(connection, reply(), now=after(1))
    with CaptureQueriesContext(database) as asked:
        decide_pending(now=after(1))
    assert states() == [DISARMED]
    sql = [query["sql"] for query in asked if 'FROM "triggers_watch"' in query["sql"]]
    held = [at for at, text in enumerate(sql) if "FOR NO KEY UPDATE" in text]
    assert database.vendor != "postgresql" or (held and held[0] < len(sql) - 1)


def test_without_an_absence_nobody_looks_for_watches() -> None:
    trigger = make_trigger()
    make_delivery(trigger.listeners.get().connection, question())
    with CaptureQueriesContext(database) as asked:
        decide_pending(now=NOON)
    assert not [query for query in asked if "triggers_watch" in query["sql"]]


# ---- the oracle ----


def by_hand(course: Sequence[tuple[int, str, str]], within: int, *, last: bool) -> list[tuple[str, int]]:
    """(item, due time) of each silence that was long enough, found by walking through the course for each item."""
    found = []
    for key in sorted({key for _, key, _ in course}):
        began: int | None = None
        for at, _, what in [one for one in course if one[1] == key]:
            if began is not None and began + within <= at:
                found.append((key, began + within))
                began = None
            if what == "reply" or (what == "question" and last):
                began = None
            if what == "question" and began is None:
                began = at
        if began is not None:
            found.append((key, began + within))
    return sorted(found)


@pytest.mark.parametrize("seed", range(8))
def test_any_course_of_events_in_any_batches_is_answered_as_by_hand(seed: int) -> None:
    rnd = random.Random(seed)
    last = seed % 2 == 1
    trigger, connection = waiting(within=100, counts_from="last" if last else "first")
    times = sorted(rnd.choices(range(40), k=16))
    course = [
        (at * 20, rnd.choice(["OPS-1", "OPS-2"]), rnd.choice(["question", "question", "reply", "else"])) for at in times
    ]
    for at, key, what in course:
        event = {"question": question(key), "reply": reply(key), "else": {"item": {"key": key}}}[what]
        # The clock is on time, or late; it never comes before what was accepted earlier.
        if rnd.random() < 0.5:
            elapse_due(now=after(at))
        make_delivery(connection, event, now=after(at))
        if rnd.random() < 0.5:
            decide_pending(now=after(at))
    decide_pending(now=after(900))
    pass_time(2_000)
    fired = Decision.objects.filter(trigger=trigger, outcome=YES).select_related("event")
    assert sorted((row.event.subject, _seconds(row.event.time)) for row in fired) == by_hand(course, 100, last=last)
    assert not PendingDelivery.objects.exists()
    assert ARMED not in states()


def _seconds(moment: datetime) -> int:
    return int((moment - NOON) / timedelta(seconds=1))


def test_the_body_of_the_timer_is_the_same_whoever_writes_it_and_whenever() -> None:
    _, connection = waiting()
    come(connection, question())
    watch = Watch.objects.select_related("item", "armed_by").get()
    first, second = (watches._incoming(watch, now) for now in (NOON, after(HOUR)))
    assert first.body == second.body
    assert json.loads(first.body)["data"]["armed_by"] == watch.armed_by_id
