"""Counting stored events: which count, that the answer is kept, and that it is the same whoever asks and whenever."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.models import Connection
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger, ticket
from triggers.enums import Origin, Outcome
from triggers.models import Decision, Event, Trigger
from triggers.services.decide import commit as decide_commit
from triggers.services.decide import past as decide_past
from triggers.services.decide import pending as decide
from triggers.services.decide.past import past_of
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.dry_run import try_on_events, try_on_payload
from triggers.services.explain import explain, explain_all
from triggers.services.fire import fire
from triggers.services.judge import event_facts, judge
from triggers.services.replays.event import replay
from workspaces.models import ItemState

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
FAILED = {"type": "field", "config": {"path": "data.result", "operator": "equals", "value": "failed"}}


def failing(times: int = 3, within: int = 600, *others: Any, **config: Any) -> dict[str, Any]:
    count = {"type": "count", "config": {"at_least": times, "within_s": within, **config}}
    return {"all": [FAILED, count, *others]}


def failed(key: str | None = "OPS-1", **over: Any) -> dict[str, Any]:
    item = {"item": {"key": key, "title": "The door"}} if key is not None else {}
    return {**item, "data": {"result": "failed"}, **over}


def report(connection: Connection, *events: dict[str, Any], at: float = 0, **over: Any) -> list[Event]:
    """Events come and are decided as one batch."""
    known = set(Event.objects.values_list("pk", flat=True))
    make_delivery(connection, *events, now=after(at), **over)
    decide_pending(now=after(at))
    return list(Event.objects.exclude(pk__in=known).order_by("pk"))


def counting(**config: Any) -> tuple[Trigger, Connection]:
    trigger = make_trigger(conditions=failing(**config))
    return trigger, trigger.listeners.get().connection


def outcomes(trigger: Trigger) -> list[str]:
    return list(Decision.objects.filter(trigger=trigger).order_by("event_id").values_list("outcome", flat=True))


NO, YES, ERROR = Outcome.NOT_MATCHED.value, Outcome.FIRED.value, Outcome.ERROR.value


def test_it_fires_from_the_third_on_and_every_answer_is_kept_with_what_it_rests_on() -> None:
    trigger, connection = counting()
    first, second, third = [report(connection, failed(), at=at)[0] for at in (0, 60, 120)]
    assert outcomes(trigger) == [NO, NO, YES]
    kept = Decision.objects.get(event=third)
    assert kept.facts == {"counted_events": [second.pk, first.pk]}
    line = kept.because["children"][1]
    assert (line["label"], line["actual"], line["expected"]) == (
        "count",
        "3",
        "at least 3 times in 600 s for one item",
    )
    assert explain(event=second, trigger=trigger).summary == "count: 2, wanted: at least 3 times in 600 s for one item"


def test_events_of_one_batch_count_too_also_of_an_item_that_it_brings() -> None:
    trigger, connection = counting()
    report(connection, failed(), failed(), failed("OPS-2"), failed())
    assert outcomes(trigger) == [NO, NO, NO, YES]


def test_what_is_older_than_the_window_does_not_count() -> None:
    trigger, connection = counting()
    for at in (0, 1, 600, 601):
        report(connection, failed(), at=at)
    # At 600 the first is just too old; at 601 there are the one at 600 and itself.
    assert outcomes(trigger) == [NO, NO, NO, NO]
    report(connection, failed(), at=602)
    assert outcomes(trigger)[-1] == YES


def test_only_events_to_which_the_rest_does_not_say_no_count() -> None:
    trigger, connection = counting()
    for result in ("failed", "passed", "failed", "passed", "failed"):
        report(connection, failed(data={"result": result}))
    # Of the others nothing is kept: they decided alone.
    assert outcomes(trigger) == [NO, NO, YES]


def test_the_rest_is_asked_of_the_item_as_it_was_then() -> None:
    was_open = {"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": "open"}}
    trigger = make_trigger(conditions=failing(2, 600, was_open))
    connection = trigger.listeners.get().connection
    for status in ("open", "closed", "open", "open"):
        report(connection, failed(state={"status": status}))
    # Before the events it was unknown, open, closed, open.
    assert outcomes(trigger) == [NO, YES]
    assert Decision.objects.latest("pk").facts["counted_events"] == [Event.objects.order_by("pk")[1].pk]


def test_another_item_does_not_count_unless_it_is_per_connection() -> None:
    trigger, connection = counting(times=2)
    wide = make_trigger(connection=connection, conditions=failing(2, per="connection"))
    report(connection, failed("OPS-1"))
    report(connection, failed("OPS-2"), failed(None))
    assert outcomes(trigger) == [NO, NO, NO]
    assert outcomes(wide) == [NO, YES, YES]
    assert "it belongs to no item" in str(Decision.objects.get(trigger=trigger, event__item=None).because)
    report(make_jira(), failed("OPS-1"))
    report(connection, failed(None))
    assert len(Decision.objects.filter(trigger=wide).latest("pk").facts["counted_events"]) == 3


def test_distinct_counts_different_values_and_leaves_out_what_has_none() -> None:
    trigger, connection = counting(times=3, distinct="data.who")
    for who in ("ana", "ANA", None, True, 1):
        report(connection, failed(data={"result": "failed", "who": who}))
    report(connection, failed(data={"result": "failed", "who": ["a"]}))
    assert outcomes(trigger) == [NO, NO, NO, NO, YES, YES]


def test_distinct_minds_the_case_on_request() -> None:
    trigger, connection = counting(times=2, distinct="event.actor", case_sensitive=True)
    report(connection, failed(actor="ana"), failed(actor="Ana"))
    assert outcomes(trigger) == [NO, YES]


def test_replays_baselines_and_what_a_person_fires_do_not_count() -> None:
    trigger, connection = counting()
    (first,) = report(connection, failed())
    replay(event=first, trigger=None, by=SYSTEM, now=NOON)
    replay(event=first, trigger=trigger, by=SYSTEM, now=NOON)
    fire(trigger=trigger, item=first.item, by=SYSTEM, now=NOON)
    decide_pending(now=NOON)
    report(connection, failed(), origin=Origin.BACKFILL)
    report(connection, failed(), at=1)
    assert Decision.objects.latest("pk").facts["counted_events"] == [first.pk]
    assert Decision.objects.latest("pk").outcome == NO


def test_a_replay_is_answered_by_what_came_before_the_event_that_it_repeats() -> None:
    trigger, connection = counting()
    second, third = [report(connection, failed(), at=at)[0] for at in (0, 60, 120)][1:]
    for event, expected in ((second, NO), (third, YES)):
        replay(event=event, trigger=trigger, by=SYSTEM, now=after(90_000))
        decide_pending(now=after(90_000))
        assert Decision.objects.latest("pk").outcome == expected


def test_a_replay_of_what_is_no_longer_kept_cannot_be_told() -> None:
    trigger, connection = counting()
    (event,) = report(connection, failed())
    replay(event=event, trigger=trigger, by=SYSTEM, now=NOON)
    Event.objects.all().delete()
    past = past_of(Event(replay_of_id=event.pk, accepted_at=NOON, item_id=event.item_id), conditions=failing())
    verdict = judge(document={"conditions": failing()}, event=event_facts(event), item=None, past=past)
    assert verdict.error == "the event that it repeats is no longer kept"


def test_where_the_rest_decides_no_other_event_is_looked_at() -> None:
    trigger = make_trigger(conditions={"any": [FAILED, failing()["all"][1]]})
    connection = trigger.listeners.get().connection
    report(connection, failed())
    assert Decision.objects.get().facts == {}
    (event,) = report(connection, failed(data={}))
    assert Decision.objects.get(event=event).facts == {"counted_events": [Event.objects.earliest("pk").pk]}


def test_beyond_the_events_that_are_looked_at_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = counting(times=4)
    monkeypatch.setattr(decide_past, "MOST", 2)
    for at in (0, 1, 2, 3, 700, 701, 702):
        report(connection, failed(), at=at)
    # The fourth knows of two before it and that there are more; at 702 the third before it is too old to count.
    assert outcomes(trigger) == [NO, NO, NO, ERROR, NO, NO, NO]
    assert "only these are looked at" in Decision.objects.get(outcome=ERROR).detail


def test_what_is_no_longer_kept_is_no_sign_that_it_did_not_happen() -> None:
    trigger, connection = counting(times=3)
    for event in [*report(connection, failed()), *report(connection, failed())]:
        Event.objects.filter(pk=event.pk).update(purged_at=NOON, facts={}, data={}, changes={})
    report(connection, failed(), at=1)
    report(connection, failed(), at=2)
    report(connection, failed(), at=3)
    assert outcomes(trigger) == [NO, NO, ERROR, ERROR, YES]
    assert "no longer kept" in Decision.objects.filter(outcome=ERROR)[0].detail


def test_more_than_enough_is_enough_although_not_all_were_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = counting(times=3)
    monkeypatch.setattr(decide_past, "MOST", 2)
    for _ in range(4):
        report(connection, failed())
    assert outcomes(trigger) == [NO, NO, YES, YES]


def test_an_event_that_came_after_the_plan_was_made_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = counting(times=2)
    (first,) = report(connection, failed())
    Decision.objects.all().delete()
    Event.objects.filter(pk=first.pk).update(accepted_at=NOON - timedelta(days=1))
    plans: list[Plan] = []

    def commit(plan: Plan) -> None:
        if not plans:
            first.pk, first.external_id, first.accepted_at = None, "meanwhile", NOON
            first.save(force_insert=True)
        plans.append(plan)
        decide_commit.commit(plan)

    monkeypatch.setattr(decide, "commit", commit)
    report(connection, failed(), at=1)
    assert len(plans) == 2
    assert outcomes(trigger) == [YES]


def test_counting_locks_the_trigger_before_it_looks_again() -> None:
    _, connection = counting()
    report(connection, failed())
    make_delivery(connection, failed())
    with CaptureQueriesContext(database) as asked:
        decide_pending(now=NOON)
    sql = [query["sql"] for query in asked]
    locks = [at for at, text in enumerate(sql) if "FOR NO KEY UPDATE" in text and "triggers_trigger" in text]
    looks = [at for at, text in enumerate(sql) if 'FROM "triggers_event"' in text and "LIMIT 1" in text]
    assert looks
    assert database.vendor != "postgresql" or (locks and locks[-1] < looks[-1])


def test_a_database_that_is_gone_for_a_moment_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = counting(times=2)
    report(connection, failed())
    make_delivery(connection, failed())

    def gone(*_args: Any) -> Any:
        raise OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(decide_past.Stored, "since", gone)
        with pytest.raises(OperationalError):
            decide_pending(now=NOON)
    assert outcomes(trigger) == [NO]
    decide_pending(now=NOON)
    assert outcomes(trigger) == [NO, YES]


def test_the_answers_are_the_same_when_the_events_that_were_counted_are_gone() -> None:
    trigger, connection = counting()
    events = [report(connection, failed(), at=at)[0] for at in (0, 60, 120)]
    before = [(one.outcome, one.summary, one.because, one.facts) for one in explain_all(event=events[2])]
    second = explain(event=events[1], trigger=trigger)
    Event.objects.filter(pk=events[0].pk).delete()
    ItemState.objects.all().delete()
    report(connection, failed(), at=121)
    assert [(one.outcome, one.summary, one.because, one.facts) for one in explain_all(event=events[2])] == before
    again = explain(event=events[1], trigger=trigger)
    assert (again.outcome, again.because, again.is_purged) == (second.outcome, second.because, False)


def test_a_dry_run_counts_the_stored_events_and_writes_nothing() -> None:
    trigger, connection = counting()
    events = [report(connection, failed(), at=at)[0] for at in (0, 60, 120)]
    with CaptureQueriesContext(database) as asked:
        tried = try_on_events(
            trigger=trigger, document=trigger.draft, owner=trigger.owner, events=events, now=after(9_000)
        )
        (pasted,) = try_on_payload(
            trigger=trigger,
            document=trigger.draft,
            owner=trigger.owner,
            connection=connection,
            body=json.dumps([failed()]).encode(),
            headers={},
            now=after(130),
        )
    assert [one.outcome for one in tried] == [NO, NO, YES]
    for one in tried:
        assert one.because == Decision.objects.get(event=one.event).because
    assert pasted.outcome == YES
    assert {query["sql"].split()[0] for query in asked} <= {"SELECT", "SAVEPOINT", "RELEASE"}


def test_a_sample_in_the_editor_is_answered_as_it_was() -> None:
    trigger, connection = counting(times=2)
    for event in [report(connection, failed(), at=at)[0] for at in (0, 60)]:
        past = past_of(event, conditions=trigger.draft["conditions"])
        verdict = judge(document=trigger.draft, event=event_facts(event), item=None, past=past)
        assert verdict.because.as_json() == Decision.objects.get(event=event).because


@pytest.mark.parametrize("seed", range(6))
def test_any_course_of_events_in_any_batches_is_counted_as_by_hand(seed: int) -> None:
    """The oracle: a list of all that came, looked through for each."""
    rnd = random.Random(seed)
    trigger, connection = counting(times=3, within=100)
    course = [
        (at * 20, rnd.choice(["OPS-1", "OPS-2"]), rnd.choice(["failed", "failed", "passed"]))
        for at in sorted(rnd.choices(range(20), k=14))
    ]
    for at, key, result in course:
        make_delivery(connection, failed(key, data={"result": result}), now=after(at))
        if rnd.random() < 0.4:
            decide_pending(now=after(at))
    decide_pending(now=after(400))
    expected = []
    for place, (at, key, result) in enumerate(course):
        like = [one for one in course[: place + 1] if one[1:] == (key, "failed") and one[0] > at - 100]
        if result == "failed":
            expected.append(YES if len(like) >= 3 else NO)
    assert outcomes(trigger) == expected
    assert YES in expected or NO in expected


def test_an_event_about_a_ticket_keeps_its_plain_no_unstored() -> None:
    trigger, connection = counting()
    (event,) = report(connection, ticket())
    assert outcomes(trigger) == []
    assert explain(event=event, trigger=trigger).outcome == NO
