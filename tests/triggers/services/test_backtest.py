"""Back-tests: what a draft would have answered to what really happened, beside what is published."""

from datetime import timedelta
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.enums import Role
from agents.models import StartRequest
from dct_site.kernel.wake import NullWake
from tests.factories.accounts import make_user
from tests.factories.agents import set_limits
from tests.factories.triggers import (
    ANYTHING,
    NOON,
    after,
    make_delivery,
    make_jira,
    make_trigger,
    status_change,
    ticket,
)
from tests.untouched import nothing_changes
from triggers.models import Decision, Event, Execution, Trigger
from triggers.selectors.events import first_id_from
from triggers.services.backtest import slices as service
from triggers.services.backtest.progress import Slice
from triggers.services.backtest.queue import Queueing
from triggers.services.backtest.slices import StaleCursor, backtest
from triggers.services.decide.pending import decide_pending
from triggers.services.drafts import create_trigger
from triggers.services.explain import explain
from triggers.services.fire import fire
from triggers.services.publishing import publish
from triggers.services.replays.event import replay
from triggers.services.standing import resume
from triggers.services.validation import InvalidDocument
from workspaces.models import ItemState

pytestmark = pytest.mark.django_db
OPENS, CLOSES = status_change(to_status="open"), status_change(to_status="closed")
LATER = NOON + timedelta(days=2)
STATES = ("new", "open", "closed", "open", "new", "closed")


@pytest.fixture
def trigger() -> Trigger:
    return make_trigger(conditions=OPENS)


def happened(trigger: Trigger, *states: str, apart_s: int = 60) -> list[Event]:
    """One delivery after the other about one ticket, each with another status."""
    connection = trigger.listeners.get().connection
    for at, state in enumerate(states):
        moment = after(at * apart_s)
        make_delivery(connection, ticket(state={"status": state}, time=moment.isoformat()), now=moment)
        decide_pending(now=moment)
    return list(Event.objects.order_by("id"))


def backtested(trigger: Trigger, *, cursor: str = "", size: int = 1000, until: Any = None, **parts: Any) -> Slice:
    window: dict[str, Any] = {"since": NOON, "until": until or NOON + timedelta(days=1), "now": LATER}
    document = {**trigger.draft, **parts}
    return backtest(trigger=trigger, document=document, by=trigger.owner, cursor=cursor, size=size, **window)


def told(one: Slice) -> tuple[int, int, int]:
    return one.progress.gained, one.progress.lost, one.progress.same


def test_it_says_what_is_gained_lost_and_the_same_beside_what_is_published(trigger: Trigger) -> None:
    events = happened(trigger, *STATES)
    one = backtested(trigger, conditions={"any": [CLOSES, status_change(to_status="new")]})
    assert told(one) == (3, 2, 0)
    assert one.newest_first == [
        (events[5].pk, "gained", ""),
        (events[4].pk, "gained", ""),
        (events[3].pk, "lost", ""),
        (events[2].pk, "gained", ""),
        (events[1].pk, "lost", ""),
    ]
    assert (one.progress.seen, one.progress.percent, one.progress.fired, one.compared_with) == (6, 100, 3, 1)
    same = backtested(trigger)
    assert told(same) == (0, 0, 2)
    assert same.progress.fired == Decision.objects.filter(outcome="fired").count() == 2


def test_everything_is_gained_where_nothing_is_published(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    by = Actor.system()
    new = create_trigger(owner=trigger.owner, document={**trigger.draft, "name": "New"}, by=by, now=NOON)
    one = backtested(new)
    assert (told(one), one.compared_with) == ((2, 0, 0), None)


def test_slices_come_to_what_one_run_comes_to(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    limits = {"cooldown_s": 100, "cooldown_policy": "delay"}
    draft: dict[str, Any] = {"conditions": ANYTHING, "limits": limits}
    whole, one = backtested(trigger, **draft), backtested(trigger, size=1, **draft)
    seen, percents = [one.progress.seen], [one.progress.percent]
    while one.cursor:
        assert one.queue is None
        one = backtested(trigger, cursor=one.cursor, size=1, **draft)
        seen.append(one.progress.seen)
        percents.append(one.progress.percent)
    assert (seen, percents) == ([1, 2, 3, 4, 5, 6], [16, 33, 50, 66, 83, 100])
    assert one == whole


def test_the_item_is_as_it_was_then_and_the_answers_are_those_of_explain(trigger: Trigger) -> None:
    events = happened(trigger, *STATES)
    was_open = {
        "all": [{"type": "field", "config": {"path": "item.state.status", "operator": "equals", "value": "open"}}]
    }
    one = backtested(trigger, conditions=was_open)
    assert {event_id for event_id, mark, _ in one.progress.found if mark != "lost"} == {events[2].pk, events[4].pk}
    trigger.draft = {**trigger.draft, "conditions": was_open}
    trigger.save(update_fields=["draft"])
    publish(trigger=trigger, by=Actor.system(), now=after(900))
    again = happened_again(trigger, events)
    assert again == [False, False, True, False, True, False]


def happened_again(trigger: Trigger, events: list[Event]) -> list[bool]:
    """Whether explain says so too, of a replay of each under what is published now."""
    for event in events:
        replay(event=event, trigger=trigger, by=Actor.system(), now=after(1000))
    decide_pending(now=after(1000))
    copies = Event.objects.filter(replay_of__in=events).order_by("id")
    return [explain(event=copy, trigger=trigger).outcome == "fired" for copy in copies]


def test_an_event_whose_items_state_is_gone_is_counted_as_unknown(trigger: Trigger) -> None:
    events = happened(trigger, "new", "open")
    ItemState.objects.filter(version=events[1].item_version or 0).delete()
    one = backtested(trigger)
    assert (one.progress.unknown, told(one)) == (1, (0, 0, 0))


def test_an_event_without_an_item_is_told(trigger: Trigger) -> None:
    make_delivery(trigger.listeners.get().connection, {})
    decide_pending(now=NOON)
    assert told(backtested(trigger, conditions=ANYTHING)) == (1, 0, 0)


def test_the_cooldown_is_that_of_its_own_firings(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    one = backtested(trigger, conditions=ANYTHING, limits={"cooldown_s": 100, "cooldown_policy": "skip"})
    assert (one.progress.fired, one.progress.suppressed) == (3, 3)
    put_off = backtested(trigger, conditions=ANYTHING, limits={"cooldown_s": 100, "cooldown_policy": "delay"})
    assert [start[1] for start in put_off.progress.starts] == [int(after(100 * at).timestamp()) for at in range(6)]


def test_what_cannot_be_decided_is_no_no(trigger: Trigger) -> None:
    make_delivery(trigger.listeners.get().connection, ticket(data={"words": "a" * 300_000}))
    decide_pending(now=NOON)
    too_long = {"path": "data.words", "operator": "matches", "value": "a+"}
    assert backtested(trigger, conditions={"all": [{"type": "field", "config": too_long}]}).progress.undecided == 1


def test_rules_of_then_count_and_dcts_own_writes_do_not_fire(trigger: Trigger) -> None:
    connection = trigger.listeners.get().connection
    connection.config = {"own_actors": ["dct-bot"]}
    connection.save(update_fields=["config"])
    make_delivery(connection, {"actor": "DCT-bot"})
    decide_pending(now=NOON)
    one = backtested(trigger, conditions=ANYTHING)
    assert (one.progress.fired, one.progress.suppressed) == (0, 1)


def test_only_the_window_counts_and_its_end_does_not_belong_to_it(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    assert backtested(trigger, until=after(180)).progress.seen == 3
    assert backtested(trigger, until=after(181)).progress.seen == 4


def test_replays_and_what_was_fired_by_hand_are_no_history(trigger: Trigger) -> None:
    events = happened(trigger, "new", "open")
    replay(event=events[1], trigger=None, by=Actor.system(), now=after(300))
    fire(trigger=trigger, item=events[1].item, by=Actor.system(), now=after(300))
    decide_pending(now=after(300))
    assert Event.objects.count() == 4
    assert backtested(trigger).progress.seen == 2


def test_a_draft_that_listens_elsewhere_loses_what_is_published_hears(trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    elsewhere = make_jira(owner=trigger.owner)
    make_delivery(elsewhere, {})
    decide_pending(now=NOON)
    one = backtested(trigger, listeners=[{"connection_id": elsewhere.pk}], conditions=ANYTHING)
    assert (one.progress.seen, told(one)) == (3, (1, 1, 0))


def test_events_that_the_person_may_not_see_are_not_asked_about(trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    stranger = make_user(role=Role.CEO)
    mine = make_trigger(owner=stranger)
    # What is published hears the other's connection; who tries it sees nothing of that.
    trigger.owner = stranger
    one = backtest(trigger=trigger, document=mine.draft, by=stranger, since=NOON, until=after(1000), now=LATER)
    assert one.progress.seen == 0


def test_no_events_are_an_end_and_no_error(trigger: Trigger) -> None:
    one = backtested(trigger)
    assert (one.progress.seen, one.cursor, one.newest_first) == (0, "", [])
    assert one.queue == Queueing()


def test_a_window_that_is_too_long_is_cut_and_says_so(trigger: Trigger, monkeypatch: pytest.MonkeyPatch) -> None:
    happened(trigger, *STATES)
    monkeypatch.setattr(service, "MOST", 4)
    one = backtested(trigger)
    one = backtested(trigger, size=4)
    assert (one.progress.seen, one.progress.is_cut, one.progress.percent, one.cursor) == (4, True, 100, "")


def test_the_list_and_the_simulated_starts_are_the_newest(trigger: Trigger, monkeypatch: pytest.MonkeyPatch) -> None:
    events = happened(trigger, *STATES)
    monkeypatch.setattr(service, "KEPT", 2)
    monkeypatch.setattr(service, "MOST_STARTS", 3)
    one = backtested(trigger, conditions=ANYTHING)
    assert [event_id for event_id, _, _ in one.newest_first] == [events[5].pk, events[4].pk]
    assert len(one.progress.starts) == 3
    assert one.progress.fired == 6


def test_what_arrives_during_a_run_is_not_of_it(trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    one = backtested(trigger, size=1)
    happened(trigger, "closed", "open")
    one = backtested(trigger, size=5, cursor=one.cursor)
    assert (one.progress.seen, one.cursor) == (2, "")


def test_a_run_ends_where_events_were_erased_meanwhile(trigger: Trigger) -> None:
    events = happened(trigger, "new", "closed", "new")
    one = backtested(trigger, size=1)
    Event.objects.filter(pk__in=[events[1].pk, events[2].pk]).delete()
    one = backtested(trigger, cursor=one.cursor)
    assert (one.progress.seen, one.cursor) == (1, "")


@pytest.mark.parametrize("cursor", ["nonsense", "a:b:c"])
def test_a_cursor_that_is_none_is_refused(trigger: Trigger, cursor: str) -> None:
    with pytest.raises(StaleCursor, match="no cursor"):
        backtested(trigger, cursor=cursor)


def test_a_cursor_of_another_draft_or_window_is_refused(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    cursor = backtested(trigger, size=1).cursor
    for change in ({"conditions": CLOSES}, {"until": after(500)}):
        with pytest.raises(StaleCursor, match="changed since"):
            backtested(trigger, cursor=cursor, **change)
    publish(trigger=trigger, by=Actor.system(), now=after(900))
    assert backtested(trigger, cursor=cursor).progress.seen == 6


def test_a_draft_that_could_not_be_published_is_refused(trigger: Trigger) -> None:
    with pytest.raises(InvalidDocument):
        backtested(trigger, agent={})


def test_nothing_is_written_and_nobody_is_woken(trigger: Trigger, pokes: NullWake) -> None:
    happened(trigger, *STATES)
    ran(trigger, 30)
    pokes.pokes.clear()
    with nothing_changes():
        one = backtested(trigger, size=2, conditions=ANYTHING)
        while one.cursor:
            one = backtested(trigger, size=2, cursor=one.cursor, conditions=ANYTHING)
    assert one.progress.fired == 6
    assert not pokes.pokes


def ran(trigger: Trigger, *took_s: int) -> None:
    """Executions of the trigger that ended, each after so many seconds."""
    rows = list(Execution.objects.filter(trigger=trigger).order_by("id"))
    for row, seconds in zip(rows, took_s, strict=False):
        row.started_at, row.ended_at = row.queued_at, row.queued_at + timedelta(seconds=seconds)
        row.save(update_fields=["started_at", "ended_at"])


def test_it_predicts_how_long_runs_would_wait_by_how_long_they_took(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    set_limits(max_agents=1, max_workspaces=1)
    ran(trigger, 90, 90)
    queue = backtested(trigger, conditions=ANYTHING).queue
    assert queue == Queueing(starts=6, durations=2, is_own=True, waited=5, never=0, median_s=75.0, longest_s=150.0)
    set_limits(max_agents=10, max_workspaces=10)
    roomy = backtested(trigger, conditions=ANYTHING).queue
    assert roomy is not None
    assert (roomy.waited, roomy.longest_s) == (0, 0.0)


def test_other_triggers_runs_take_their_place_and_lend_their_durations(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    set_limits(max_agents=1, max_workspaces=1)
    other = make_trigger(owner=trigger.owner, listeners=trigger.draft["listeners"], conditions=OPENS)
    Execution.objects.filter(trigger=trigger).update(trigger=other)
    ran(other, 30, 30)
    queue = backtested(trigger).queue
    assert queue is not None
    # Both begin at the same moment as those that ran; what comes first in the list goes first.
    assert (queue.starts, queue.durations, queue.is_own, queue.never) == (2, 2, False, 0)
    Execution.objects.filter(trigger=other).update(priority=9)
    behind = backtested(trigger).queue
    assert behind is not None
    assert (behind.waited, behind.longest_s) == (2, 30.0)


def test_a_limit_of_nothing_lets_nothing_start(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    ran(trigger, 30)
    set_limits(max_agents=0)
    queue = backtested(trigger).queue
    assert queue == Queueing(starts=2, durations=1, is_own=True, never=2)


def test_without_a_recorded_run_nothing_is_predicted(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    assert backtested(trigger).queue == Queueing()


def test_a_window_begins_with_the_first_event_of_its_time_whatever_was_erased(trigger: Trigger) -> None:
    events = happened(trigger, *STATES)
    Event.objects.filter(pk__in=[events[at].pk for at in (0, 2, 4)]).delete()
    for at, event in enumerate(events):
        left = [one.pk for one in events[at:] if one.pk in {events[at].pk for at in (1, 3, 5)}]
        found = Event.objects.filter(pk__gte=first_id_from(event.decided_at))
        assert [one.pk for one in found.order_by("pk")] == left
    assert first_id_from(after(10_000)) == events[5].pk + 1


# ---- its own rate, storm brake, overlap and queue ----


def fired_live(trigger: Trigger) -> list[int]:
    return list(
        Decision.objects.filter(trigger=trigger, outcome="fired").order_by("id").values_list("event", flat=True)
    )


def fired_in(one: Slice) -> list[int]:
    return [event_id for event_id, mark, _ in one.progress.found if mark != "lost"]


@pytest.mark.parametrize(
    "limits",
    [
        {"rate_limit": 2, "rate_window_s": 200},
        {"rate_limit": 1, "rate_window_s": 61},
        {"rate_limit": 2, "rate_window_s": 300, "cooldown_s": 50},
    ],
)
def test_its_rate_is_that_of_its_own_firings_as_it_is_live(limits: dict[str, Any]) -> None:
    trigger = make_trigger(conditions=ANYTHING, limits=limits)
    happened(trigger, *STATES)
    one = backtested(trigger, size=1)
    while one.cursor:
        one = backtested(trigger, size=1, cursor=one.cursor)
    assert fired_in(one) == fired_live(trigger)
    assert 0 < one.progress.fired == 6 - one.progress.suppressed < 6


def test_its_storm_brake_is_told_and_it_goes_on_as_if_it_was_resumed_at_once() -> None:
    trigger = make_trigger(conditions=ANYTHING, limits={"storm_limit": 2})
    connection = trigger.listeners.get().connection
    for at in (0, 10, 20, 30, 40, 50, 200):
        make_delivery(connection, ticket(), now=after(at))
        decide_pending(now=after(at))
        trigger.refresh_from_db()
        if trigger.status == "paused":
            resume(trigger=trigger, by=Actor.system(), now=after(at))
    one = backtested(trigger)
    assert fired_in(one) == fired_live(trigger)
    assert (one.progress.fired, one.progress.storms) == (5, 2)
    assert one.progress.storm_at == after(20).isoformat()


def test_what_was_decided_late_goes_with_the_backlog_and_expires_when_it_is_stale() -> None:
    trigger = make_trigger(conditions=ANYTHING, limits={"stale_after_s": 4_000})
    connection = trigger.listeners.get().connection
    for at in (0, 10, 20):
        make_delivery(connection, ticket(time=after(at).isoformat()), now=after(at))
    decide_pending(now=after(3_900))
    make_delivery(connection, ticket(time=after(3_900).isoformat()), now=after(3_900))
    decide_pending(now=after(3_900))
    set_limits(max_agents=1, max_workspaces=1, backlog_after_s=600)
    ran(trigger, 60)
    one = backtested(trigger)
    asked = int(after(3_900).timestamp())
    assert [[*start[:3], start[4]] for start in one.progress.starts] == [
        [asked, asked, 100, 1],
        [asked, asked, 110, 1],
        [asked, asked, 120, 1],
        [asked, asked, 86_400, 0],
    ]
    assert one.queue is not None
    # One at a time for a minute each: of the old ones two start before they are stale.
    assert (one.queue.old, one.queue.never) == (3, 1)
    set_limits(backlog_after_s=4_000)
    fresh = backtested(trigger).queue
    assert fresh is not None
    assert (fresh.old, fresh.never) == (0, 0)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"overlap": "skip"}, {"left_out": 3, "waited": 0}),
        ({"overlap": "coalesce"}, {"joined": 2, "waited": 3}),
        ({"overlap": "queue"}, {"waited": 5}),
        ({"overlap": "cancel_running"}, {"replaced": 5, "waited": 0}),
        ({"max_queued": 1}, {"left_out": 2, "waited": 3}),
        ({"max_queued": 1, "queue_policy": "drop_oldest"}, {"displaced": 2, "waited": 3}),
        ({"max_queued": 1, "queue_policy": "coalesce"}, {"joined": 2, "waited": 3}),
    ],
)
def test_its_own_bounds_hold_in_the_simulated_queue(
    trigger: Trigger, limits: dict[str, Any], told: dict[str, int]
) -> None:
    happened(trigger, *STATES)
    set_limits(max_agents=1, max_workspaces=1)
    ran(trigger, 110)
    queue = backtested(trigger, conditions=ANYTHING, limits=limits).queue
    assert queue is not None
    names = ("left_out", "joined", "displaced", "replaced", "waited")
    assert {name: getattr(queue, name) for name in names} == {**dict.fromkeys(names, 0), **told}
    assert (queue.starts, queue.never) == (6, 0)


def test_what_waits_of_another_item_or_trust_takes_nothing_in(trigger: Trigger) -> None:
    connection = trigger.listeners.get().connection
    other = make_trigger(owner=trigger.owner, connection=connection, conditions=ANYTHING)
    came = [("OPS-1", "verified"), ("OPS-2", "verified"), ("OPS-1", "open"), ("OPS-2", "verified")]
    for at, (key, tier) in enumerate(came):
        make_delivery(connection, ticket(item={"key": key}), now=after(at), trust_tier=tier)
        decide_pending(now=after(at))
    ran(other, 50)
    set_limits(max_agents=1, max_workspaces=1)
    queue = backtested(trigger, conditions=ANYTHING, limits={"overlap": "coalesce"}).queue
    assert queue is not None
    assert (queue.starts, queue.joined, queue.waited) == (4, 1, 2)


def test_other_triggers_keep_their_key_and_their_place_in_a_backlog(trigger: Trigger) -> None:
    happened(trigger, *STATES)
    set_limits(max_agents=1, max_workspaces=1)
    other = make_trigger(owner=trigger.owner, listeners=trigger.draft["listeners"], conditions=OPENS)
    Execution.objects.filter(trigger=trigger).update(trigger=other)
    ran(other, 30, 30)
    StartRequest.objects.update(concurrency_key="trigger:other", key_limit=1)
    before = backtested(trigger).queue
    StartRequest.objects.update(backlog_turn=1)
    after_all = backtested(trigger).queue
    assert before is not None
    assert after_all is not None
    # Nothing of a backlog is at work: it goes first.
    assert (before.waited, after_all.waited) == (0, 2)
