"""Back-tests of what looks at other events: armed absences, sequences and counts come to what they come to live."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.models import Connection
from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from tests.untouched import nothing_changes
from triggers.enums import Origin, WatchStatus
from triggers.models import Event, Firing, Trigger, Watch
from triggers.services.backtest import past as backtest_past
from triggers.services.backtest import slices as service
from triggers.services.backtest.progress import Slice
from triggers.services.backtest.slices import backtest
from triggers.services.decide import past as decide_past
from triggers.services.decide import watches as decide_watches
from triggers.services.decide.pending import decide_pending
from triggers.services.replays.event import replay
from triggers.services.watches import elapse_due
from workspaces.models import ContextItem, ItemState

pytestmark = pytest.mark.django_db
ASKED = {"type": "new_message", "config": {}}
ANSWERED = {"type": "thread_reply", "config": {}}
HOUR = 3600
LATER = after(90 * HOUR)


def unanswered(within: int = HOUR, **config: Any) -> dict[str, Any]:
    return {"type": "absence", "config": {"after": ASKED, "without": ANSWERED, "within_s": within, **config}}


def status_is(value: str) -> dict[str, Any]:
    return {"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": value}}


def question(key: str = "OPS-1", **over: Any) -> dict[str, Any]:
    return {"item": {"key": key, "title": "The door"}, "facts": {"kinds": ["message"]}, **over}


def reply(key: str = "OPS-1", **over: Any) -> dict[str, Any]:
    return question(key, facts={"kinds": [], "is_reply": True}, **over)


def watching(*conditions: Any, connection: Connection | None = None, **over: Any) -> tuple[Trigger, Connection]:
    trigger = make_trigger(connection=connection, conditions={"all": list(conditions) or [unanswered()]}, **over)
    return trigger, trigger.listeners.get().connection


def come(connection: Connection, *events: dict[str, Any], at: float = 0, **over: Any) -> list[Event]:
    """What the clock brings until then, each at its moment, and then these."""
    live_until(after(at))
    known = Event.objects.order_by("pk").last()
    make_delivery(connection, *events, now=after(at), **over)
    decide_pending(now=after(at))
    return list(Event.objects.filter(pk__gt=known.pk if known is not None else 0).order_by("pk"))


def live_until(moment: datetime) -> None:
    while due := Watch.objects.filter(status=WatchStatus.ARMED, due_at__lte=moment).order_by("due_at").first():
        elapse_due(now=due.due_at)
        decide_pending(now=due.due_at)


def backtested(
    trigger: Trigger, *conditions: Any, since: float = 0, until: float = 80 * HOUR, size: int = 1000, **over: Any
) -> Slice:
    """A whole run, slice by slice."""
    document = {**trigger.draft, **over}
    if conditions:
        document["conditions"] = {"all": list(conditions)}
    asked: dict[str, Any] = {"since": after(since), "until": after(until), "now": LATER, "size": size}
    one = backtest(trigger=trigger, document=document, by=trigger.owner, **asked)
    while one.cursor:
        one = backtest(trigger=trigger, document=document, by=trigger.owner, cursor=one.cursor, **asked)
    return one


def told(one: Slice) -> tuple[int, int, int]:
    return one.progress.gained, one.progress.lost, one.progress.same


def fired_live(trigger: Trigger) -> Counter[tuple[int, str]]:
    """(event, "") of what fired by itself; (the event that armed it, when it was over) of what a watch fired."""
    found: Counter[tuple[int, str]] = Counter()
    for firing in Firing.objects.filter(trigger=trigger).select_related("event"):
        data = firing.event.data if firing.event.origin == Origin.TIMER else {}
        found[data.get("armed_by", firing.event.pk), data.get("due_at", "")] += 1
    return found


def fired_in(one: Slice, *marks: str) -> Counter[tuple[int, str]]:
    return Counter((event_id, over_at) for event_id, mark, over_at in one.progress.found if mark in marks)


# ---- one by one ----


def test_a_silence_fires_with_the_event_that_began_it_and_when_it_was_over() -> None:
    trigger, connection = watching()
    (asked,) = come(connection, question())
    live_until(after(2 * HOUR))
    one = backtested(trigger)
    assert one.newest_first == [(asked.pk, "same", after(HOUR).isoformat())]
    assert (one.progress.seen, one.progress.silences, one.progress.fired, one.progress.undecided) == (1, 1, 1, 0)
    assert [start[:2] for start in one.progress.starts] == [[int(after(HOUR).timestamp())] * 2]


def test_an_answer_in_time_is_none_and_one_that_comes_too_late_is() -> None:
    trigger, connection = watching()
    come(connection, question(), question("OPS-2"))
    come(connection, reply(), at=HOUR - 1)
    come(connection, reply("OPS-2"), at=HOUR)
    live_until(after(9 * HOUR))
    assert fired_in(backtested(trigger), "same") == fired_live(trigger)
    assert told(backtested(trigger)) == (0, 0, 1)


def test_a_draft_gains_and_loses_silences() -> None:
    trigger, connection = watching()
    asked, other = come(connection, question(), question("OPS-2"))
    come(connection, reply(), at=1_000)
    live_until(after(9 * HOUR))
    longer, shorter = backtested(trigger, unanswered(2 * HOUR)), backtested(trigger, unanswered(500))
    assert fired_in(longer, "gained") == {(other.pk, after(2 * HOUR).isoformat()): 1}
    assert fired_in(longer, "lost") == {(other.pk, after(HOUR).isoformat()): 1}
    assert fired_in(shorter, "gained") == {(one.pk, after(500).isoformat()): 1 for one in (asked, other)}
    # Another absence that was armed by the same event and over at the same time fires in its place.
    by_anybody = {"type": "thread_reply", "config": {"from_user": "nobody"}}
    assert told(backtested(trigger, unanswered(without=by_anybody))) == (1, 0, 1)


def test_the_state_of_the_item_is_that_of_the_time_when_it_was_over() -> None:
    trigger, connection = watching(unanswered(), status_is("open"))
    come(connection, question(state={"status": "new"}), question("OPS-2", state={"status": "open"}))
    come(connection, {"item": {"key": "OPS-1"}, "state": {"status": "open"}}, at=10)
    come(connection, {"item": {"key": "OPS-2"}, "state": {"status": "new"}}, at=20)
    come(connection, {"item": {"key": "OPS-1"}, "state": {"status": "new"}}, at=2 * HOUR)
    assert sum(fired_live(trigger).values()) == 1
    assert fired_in(backtested(trigger), "same") == fired_live(trigger)
    # Where the item has moved on after its last event of the window.
    ContextItem.objects.filter(external_key="OPS-1").update(state={"status": "gone"}, state_version=9)
    assert fired_in(backtested(trigger, until=1.5 * HOUR), "same") == fired_live(trigger)


def test_rules_hold_for_silences_too() -> None:
    limits = {"cooldown_s": 1_000}
    trigger, connection = watching(limits=limits)
    come(connection, question(), question("OPS-2", hop=5))
    come(connection, question("OPS-3"), at=10)
    live_until(after(9 * HOUR))
    one = backtested(trigger)
    assert fired_in(one, "same") == fired_live(trigger)
    assert (one.progress.fired, one.progress.suppressed) == (1, 2)


def test_conditions_that_cannot_be_told_at_the_end_are_undecided() -> None:
    compared = {"type": "field", "config": {"path": "item.state.status", "operator": "gte", "value": 1}}
    trigger, connection = watching(unanswered(), compared)
    come(connection, question(state={"status": "text"}))
    assert backtested(trigger).progress.undecided == 1


def test_sequences_and_counts_look_at_what_came_before() -> None:
    first_then = {"type": "sequence", "config": {"first": ASKED, "then": ANSWERED, "within_s": 60}}
    thrice = {"type": "count", "config": {"at_least": 3, "within_s": 60, "per": "connection"}}
    trigger, connection = watching(first_then)
    counting, _ = watching(ASKED, thrice, connection=connection)
    come(connection, question(), question("OPS-2"), reply())
    come(connection, question("OPS-3"), reply("OPS-2"), at=30)
    come(connection, reply(), reply("OPS-3"), at=70)
    for one in (trigger, counting):
        found = backtested(one)
        assert found.progress.undecided == 0
        assert fired_in(found, "same") == fired_live(one) != {}


def test_a_silence_may_look_at_what_came_before_it_was_over() -> None:
    anything = {"type": "trust_tier", "config": {"at_least": "open"}}
    after_a_reply = {"type": "sequence", "config": {"first": ANSWERED, "then": anything, "within_s": HOUR}}
    trigger, connection = watching(unanswered(without=status_is("closed")), after_a_reply)
    come(connection, question(), question("OPS-2"))
    come(connection, reply(), at=10)
    live_until(after(9 * HOUR))
    one = backtested(trigger)
    assert fired_in(one, "same") == fired_live(trigger)
    assert told(one) == (0, 0, 1)


def test_what_is_repeated_or_meant_for_one_trigger_arms_nothing() -> None:
    trigger, connection = watching()
    (asked,) = come(connection, question())
    replay(event=asked, trigger=None, by=Actor.system(), now=after(10))
    decide_pending(now=after(10))
    live_until(after(9 * HOUR))
    assert told(backtested(trigger)) == (0, 0, 1)


# ---- the window ----


def test_what_is_not_over_with_the_window_or_by_now_still_runs() -> None:
    trigger, connection = watching()
    come(connection, question())
    for over in ({"until": HOUR}, {"until": HOUR - 1}):
        one = backtested(trigger, **over)
        assert (told(one), one.progress.still_running) == ((0, 0, 0), 1)
    assert told(backtested(trigger, until=HOUR + 1)) == (0, 0, 1)
    by_now = backtest(
        trigger=trigger, document=trigger.draft, by=trigger.owner, since=NOON, until=LATER, now=after(HOUR)
    )
    assert (told(by_now), by_now.progress.still_running) == ((0, 0, 0), 1)


def test_what_ran_when_the_window_began_is_taken_into_account() -> None:
    trigger, connection = watching()
    asked, _ = come(connection, question(), question("OPS-2"))
    come(connection, reply("OPS-2"), at=10)
    come(connection, {"item": {"key": "OPS-9"}}, at=600)
    one = backtested(trigger, since=300)
    assert one.newest_first == [(asked.pk, "same", after(HOUR).isoformat())]
    assert (one.progress.seen, one.progress.earlier, one.progress.is_earlier_cut) == (1, 3, False)
    # What was over before the window is none of it.
    assert told(backtested(trigger, since=HOUR + 1)) == (0, 0, 0)
    assert told(backtested(trigger, {"any": [unanswered(), unanswered(250)]}, since=300)) == (0, 0, 1)
    # Nothing is looked at for a document that waits for nothing.
    trigger.published = None
    assert backtested(trigger, ASKED, since=300).progress.earlier == 0


def test_before_the_window_too_each_hears_what_it_listens_to_and_what_is_gone_is_passed_over() -> None:
    trigger, connection = watching()
    elsewhere = make_jira(owner=trigger.owner)
    come(connection, question(), question("OPS-2", state={"status": "new"}))
    (other,) = come(elsewhere, question("OPS-3"), at=1)
    come(connection, question("OPS-2"), at=2)
    ItemState.objects.all().delete()
    one = backtested(trigger, since=300, listeners=[{"connection_id": elsewhere.pk}])
    assert fired_in(one, "gained") == {(other.pk, after(HOUR + 1).isoformat()): 1}
    assert (one.progress.lost, one.progress.unknown) == (2, 0)


def test_more_that_came_before_than_are_looked_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = watching()
    come(connection, question(), question("OPS-2"))
    come(connection, question("OPS-3"), at=600)
    monkeypatch.setattr(service, "MOST_EARLIER", 1)
    one = backtested(trigger, since=300)
    assert (one.progress.earlier, one.progress.is_earlier_cut, told(one)) == (1, True, (0, 0, 2))


def test_a_window_from_the_beginning_of_time_has_nothing_before_it() -> None:
    trigger, connection = watching()
    come(connection, question())
    since = datetime.min.replace(tzinfo=NOON.tzinfo)
    one = backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, since=since, until=LATER, now=LATER)
    assert told(one) == (0, 0, 1)


def test_a_window_that_is_cut_ends_where_it_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger, connection = watching()
    come(connection, question())
    come(connection, question("OPS-2"), at=10)
    monkeypatch.setattr(service, "MOST", 1)
    one = backtested(trigger, size=1)
    assert (told(one), one.progress.is_cut, one.progress.still_running) == ((0, 0, 0), True, 1)


# ---- bounds ----


def test_more_watches_than_a_trigger_may_have_are_an_error_as_they_are_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide_watches, "MOST_ARMED", 2)
    trigger, connection = watching()
    come(connection, *(question(f"OPS-{at}") for at in range(3)))
    live_until(after(9 * HOUR))
    one = backtested(trigger)
    assert fired_in(one, "same") == fired_live(trigger)
    assert (told(one), one.progress.undecided, one.progress.unwatched) == ((0, 0, 2), 1, 1)
    # One that fires by itself does so all the same.
    either = {"any": [ASKED, unanswered()]}
    one = backtested(trigger, either)
    assert (one.progress.fired, one.progress.undecided, one.progress.unwatched) == (5, 0, 1)


def test_what_is_kept_in_memory_is_bounded_and_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    thrice = {"type": "count", "config": {"at_least": 3, "within_s": 600}}
    trigger, connection = watching(thrice)
    for at in range(8):
        come(connection, question("OPS-1"), question("OPS-2"), at=at)
    whole = backtested(trigger)
    monkeypatch.setattr(backtest_past, "MOST_SEEN", 3)
    monkeypatch.setattr(backtest_past, "MOST_MARKS", 3)
    assert backtested(trigger).progress.found == whole.progress.found
    assert fired_in(whole, "same") == fired_live(trigger)
    monkeypatch.setattr(backtest_past, "MOST", 1)
    monkeypatch.setattr(decide_past, "MOST", 1)
    assert backtested(trigger).progress.undecided > 0


def test_an_item_that_is_gone_meanwhile_or_whose_state_is_counts_as_unknown() -> None:
    trigger, connection = watching()
    come(connection, *(question(f"OPS-{at}", state={"status": "new"}) for at in range(3)))
    come(connection, {"item": {"key": "OPS-2"}, "state": {"status": "open"}}, at=10)
    come(connection, {"item": {"key": "OPS-2"}, "state": {"status": "new"}}, at=2 * HOUR)
    whole: dict[str, Any] = {"trigger": trigger, "document": trigger.draft, "by": trigger.owner, "now": LATER}
    window: dict[str, Any] = {**whole, "since": NOON, "until": after(1.5 * HOUR)}
    one = backtest(**window, size=3)
    ItemState.objects.filter(item__external_key="OPS-2", version=2).delete()
    ContextItem.objects.filter(external_key="OPS-1").delete()
    one = backtest(**window, cursor=one.cursor)
    assert (one.progress.unknown, one.progress.fired) == (2, 1)


# ---- order ----


def test_a_connection_that_lay_behind_is_not_answered_too_early() -> None:
    """Its events were decided after those of another that were accepted later: its own order holds all the same."""
    owner = make_trigger().owner
    slow, quick = make_jira(owner=owner), make_jira(owner=owner)
    listeners = [{"connection_id": slow.pk}, {"connection_id": quick.pk}]
    trigger = make_trigger(owner=owner, listeners=listeners, conditions=[unanswered()])
    (asked,) = come(slow, question())
    make_delivery(quick, question("OPS-9"), now=after(2 * HOUR))
    decide_pending(now=after(2 * HOUR))
    make_delivery(slow, reply(), now=after(60))
    decide_pending(now=after(2 * HOUR))
    live_until(after(9 * HOUR))
    one = backtested(trigger)
    assert fired_in(one, "same") == fired_live(trigger)
    assert asked.pk not in {event_id for event_id, _, _ in one.progress.found}


def test_slices_and_the_whole_come_to_the_same_and_nothing_is_written() -> None:
    trigger, connection = watching(unanswered(counts_from="last"))
    for at in range(12):
        come(connection, question(f"OPS-{at % 3}"), at=at * 1_500)
    come(connection, reply("OPS-1"), at=18_000)
    live_until(after(9 * HOUR))
    with nothing_changes():
        one, whole = backtested(trigger, size=1, since=3_000), backtested(trigger, since=3_000)
    assert one == whole
    assert whole.progress.silences


# ---- against live ----

KEYS = ("OPS-1", "OPS-2", "OPS-3")


def some_conditions(rnd: random.Random) -> dict[str, Any]:
    """Conditions of which at least one looks at other events."""
    within = rnd.choice([300, 1_200, HOUR])
    leaves: list[Any] = [
        unanswered(within, counts_from=rnd.choice(["first", "last"])),
        unanswered(within, without=rnd.choice([ASKED, status_is("open")])),
        unanswered(within, after=status_is("open"), without={"any": [ASKED, ANSWERED]}),
        {"type": "sequence", "config": {"first": ASKED, "then": ANSWERED, "within_s": within}},
        {
            "type": "count",
            "config": {"at_least": 2, "within_s": within, "per": rnd.choice(["item", "connection"])},
        },
    ]
    chosen = rnd.sample(leaves, rnd.randint(1, 2))
    if rnd.random() < 0.3:
        chosen.append(status_is(rnd.choice(["new", "open"])))
    return {rnd.choice(["any", "all"] if len(chosen) > 1 else ["all"]): chosen}


def some_event(rnd: random.Random) -> dict[str, Any]:
    key = rnd.choice(KEYS)
    made = rnd.choice([question, question, reply])
    return made(key, **rnd.choice([{}, {"state": {"status": rnd.choice(["new", "open"])}}]))


def lived(rnd: random.Random) -> Iterator[tuple[Trigger, Trigger]]:
    connection = make_jira()
    owner = make_trigger().owner
    limits = {
        "cooldown_s": rnd.choice([0, 0, 400]),
        "cooldown_policy": rnd.choice(["skip", "delay"]),
        "cooldown_by": rnd.choice(["trigger", "item"]),
    }
    one, other = (
        make_trigger(connection=connection, owner=owner, conditions=some_conditions(rnd), limits=limits)
        for _ in range(2)
    )
    at = 0
    for _ in range(24):
        at += rnd.choice([0, 10, 200, 700, 2_000])
        come(connection, *(some_event(rnd) for _ in range(rnd.choice([1, 1, 2]))), at=at)
    live_until(after(at + 2 * HOUR))
    yield one, other
    yield other, one


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(8))
def test_random_events_come_to_the_same_firings_live_and_by_back_test(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEPT", 10_000)
    rnd = random.Random(seed)
    for published, draft in lived(rnd):
        live, wanted = fired_live(published), fired_live(draft)
        one = backtested(published, size=rnd.choice([1, 7, 1_000]), **draft.draft | {"name": "Draft"})
        assert fired_in(one, "same") == live & wanted, seed
        assert fired_in(one, "gained") == wanted - live, seed
        assert fired_in(one, "lost") == live - wanted, seed
        assert one.progress.undecided == 0
