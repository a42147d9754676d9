"""Trying a draft: what the last events, a payload and a window of history are answered, and what is said otherwise."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Source, Toggle
from accounts.models import FeatureToggle
from tests.factories.agents import set_limits
from tests.factories.triggers import (
    ANYTHING,
    NOON,
    after,
    make_delivery,
    make_listener,
    make_trigger,
    status_change,
    ticket,
)
from tests.factories.workspaces import make_connection
from tests.triggers.views.people import Visitor
from tests.untouched import nothing_changes
from triggers.models import Event, Execution, Trigger
from triggers.services.backtest import slices as service
from triggers.services.backtest.aside import Busy, aside
from triggers.services.backtest.wire import Broken
from triggers.services.decide import watches as decide_watches
from triggers.services.decide.pending import decide_pending

pytestmark = pytest.mark.django_db
OPENS = status_change(to_status="open")
WINDOW = {"since": "2026-11-20", "until": "2026-11-20"}


@pytest.fixture
def trigger(developer: Visitor, written_out: Any) -> Trigger:
    return make_trigger(owner=developer.user, conditions=OPENS)


def happened(trigger: Trigger, *states: str) -> list[Event]:
    for at, state in enumerate(states):
        make_delivery(trigger.listeners.get().connection, ticket(state={"status": state}), now=after(at))
        decide_pending(now=after(at))
    return list(Event.objects.order_by("id"))


def trying(trigger: Trigger, query: str = "") -> str:
    return reverse("trigger-try", args=[trigger.pk]) + query


def backtesting(trigger: Trigger) -> str:
    return reverse("trigger-backtest", args=[trigger.pk])


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def redraft(trigger: Trigger, **parts: Any) -> None:
    trigger.draft = {**trigger.draft, **parts}
    trigger.save(update_fields=["draft"])


def test_the_editor_leads_to_it(developer: Visitor, trigger: Trigger) -> None:
    assert trying(trigger) in developer.get(reverse("trigger", args=[trigger.pk])).content.decode()
    page = developer.get(trying(trigger)).content.decode()
    assert backtesting(trigger) in page
    assert trying(trigger) in developer.get(backtesting(trigger)).content.decode()


def test_each_of_the_last_events_is_answered_with_its_tree(developer: Visitor, trigger: Trigger) -> None:
    events = happened(trigger, "new", "open")
    with nothing_changes():
        answer = developer.get(trying(trigger))
    words = text_of(answer)
    assert "1 would have fired" in words
    assert words.index("It would fire") < words.index("It would not fire")
    assert "Expected" in words
    assert "Actual" in words
    assert reverse("event", args=[events[0].pk]) in answer.content.decode()


def test_it_is_the_draft_that_is_tried_and_what_holds_it_back_is_said(developer: Visitor, trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    redraft(trigger, conditions=status_change(to_status="closed"))
    assert "It would fire" not in text_of(developer.get(trying(trigger)))
    redraft(trigger, conditions=OPENS, limits={"cooldown_s": 10**7})
    assert "It matches and would be suppressed" in text_of(developer.get(trying(trigger)))


def test_an_event_that_would_arm_says_until_when_and_who_tells_what_came_of_it(
    developer: Visitor, trigger: Trigger
) -> None:
    (event,) = happened(trigger, "new")
    waits = {"after": ANYTHING, "without": OPENS, "within_s": 60}
    redraft(trigger, conditions={"all": [{"type": "absence", "config": waits}]})
    words = text_of(developer.get(trying(trigger)))
    assert f"It would arm a watch until {event.accepted_at + timedelta(seconds=60):%Y-%m-%d %H:%M}" in words
    assert "What came of the silence after it, a back-test tells" in words
    redraft(trigger, conditions=OPENS)
    assert "a back-test tells" not in text_of(developer.get(trying(trigger)))


def test_a_trigger_that_hears_nothing_has_nothing_to_try(developer: Visitor, trigger: Trigger) -> None:
    assert "Nothing it listens to has arrived yet" in text_of(developer.get(trying(trigger)))


@pytest.mark.parametrize(("asked", "shown"), [("?last=100", "100"), ("?last=7", "20"), ("?last=x", "20"), ("", "20")])
def test_how_many_is_chosen_from_a_few(developer: Visitor, trigger: Trigger, asked: str, shown: str) -> None:
    page = developer.get(trying(trigger, asked)).content.decode()
    assert re.search(rf'value="{shown}"\s+selected', page)


def test_an_unfinished_draft_says_what_is_missing(developer: Visitor, trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    redraft(trigger, agent={})
    words = text_of(developer.get(trying(trigger)))
    assert "This could not be tried." in words
    assert "profile" in words
    connection = trigger.listeners.get().connection
    pasted = developer.post(trying(trigger), {"connection_id": connection.pk, "body": "[]"})
    assert (pasted.status_code, "This could not be tried." in text_of(pasted)) == (422, True)
    tested = developer.press(backtesting(trigger), WINDOW)
    assert (tested.status_code, "This could not be tried." in text_of(tested)) == (422, True)


def test_a_payload_is_tried_as_if_it_came_in(developer: Visitor) -> None:
    github = make_connection(source=Source.GITHUB, owner=developer.user)
    make_listener(connection=github)
    opened = {"path": "event.type", "operator": "prefix", "value": "github.pull"}
    trigger = make_trigger(
        owner=developer.user, connection=github, conditions={"all": [{"type": "field", "config": opened}]}
    )
    body = {
        "action": "opened",
        "repository": {"full_name": "harbor/ferry-api"},
        "pull_request": {"number": 7, "title": "Retry", "state": "open", "updated_at": "2026-11-20T11:00:00Z"},
        "sender": {"login": "mona"},
    }
    posted = {"connection_id": github.pk, "body": json.dumps(body), "headers": "X-GitHub-Event: pull_request\n\n"}
    with nothing_changes():
        answer = developer.post(trying(trigger), posted)
    assert answer.status_code == 200
    assert "What the payload gets" in text_of(answer)
    assert "It would fire" in text_of(answer)
    unknown = developer.post(trying(trigger), {**posted, "headers": "X-GitHub-Event: ping"})
    assert (unknown.status_code, "No event comes of this payload" in text_of(unknown)) == (422, True)
    wrong = developer.post(trying(trigger), {**posted, "headers": "no colon"})
    assert (wrong.status_code, "a name, a colon and a value" in text_of(wrong)) == (422, True)
    assert "no colon" in wrong.content.decode()


def test_anothers_connection_cannot_be_chosen(developer: Visitor, ceo: Visitor, trigger: Trigger) -> None:
    own = make_trigger(owner=ceo.user)
    answer = ceo.post(trying(own), {"connection_id": trigger.listeners.get().connection.pk, "body": "[]"})
    assert (answer.status_code, "Select a valid choice" in text_of(answer)) == (422, True)


def test_a_back_test_counts_compares_and_lists_with_links(developer: Visitor, trigger: Trigger) -> None:
    events = happened(trigger, "new", "open", "closed")
    redraft(trigger, conditions=status_change(to_status="closed"))
    with nothing_changes():
        answer = developer.press(backtesting(trigger), WINDOW)
    words = text_of(answer)
    assert answer.content.decode().lstrip().startswith('<div id="bt-run"')
    assert "It would have fired 1 time" in words
    assert "3 events asked about" in words
    assert words.index("Gained 1") < words.index("Lost 1") < words.index("Same 0")
    assert "Nothing has run yet" in words
    for event in events[1:]:
        assert reverse("event", args=[event.pk]) in answer.content.decode()


def test_a_back_test_lists_silences_with_what_began_them_and_says_what_it_cannot_tell(
    developer: Visitor, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = happened(trigger, "new", "open", "closed")
    waits = {"after": OPENS, "without": status_change(to_status="new"), "within_s": 60}
    redraft(trigger, conditions={"all": [{"type": "absence", "config": waits}]})
    words = text_of(developer.press(backtesting(trigger), WINDOW))
    assert "none suppressed, 1 by a silence" in words
    assert f"and silence until {events[1].accepted_at + timedelta(seconds=60):%Y-%m-%d %H:%M}" in words
    assert "long enough" not in words
    waits["within_s"] = 10**6
    redraft(trigger, conditions={"all": [{"type": "absence", "config": waits}]})
    monkeypatch.setattr(decide_watches, "MOST_ARMED", 1)
    words = text_of(developer.press(backtesting(trigger), WINDOW))
    assert "1 silence had not lasted long enough" in words
    assert "one watch more" not in words
    monkeypatch.setattr(decide_watches, "MOST_ARMED", 0)
    assert "1 event would have armed one watch more" in text_of(developer.press(backtesting(trigger), WINDOW))
    monkeypatch.setattr(service, "MOST_EARLIER", 2)
    noon = timezone.localtime(events[0].decided_at).date() + timedelta(days=1)
    late = {"since": noon.isoformat(), "until": noon.isoformat()}
    assert "only the last 2 events before it tell" in text_of(developer.press(backtesting(trigger), late))


def test_a_back_test_says_what_its_bounds_and_its_storm_brake_would_have_done(
    developer: Visitor, trigger: Trigger
) -> None:
    events = happened(trigger, "new", "open", "closed", "new", "closed")
    set_limits(max_agents=1, max_workspaces=1, backlog_after_s=60)
    row = Execution.objects.get()
    row.started_at, row.ended_at = row.queued_at, row.queued_at + timedelta(seconds=110)
    row.save(update_fields=["started_at", "ended_at"])
    # Decided late, as after an outage.
    Event.objects.filter(pk=events[0].pk).update(accepted_at=after(-100))
    redraft(trigger, conditions=ANYTHING, limits={"overlap": "skip"})
    words = text_of(developer.press(backtesting(trigger), WINDOW))
    assert "4 would not have been asked for" in words
    assert "1 of them would have gone with a backlog" in words
    redraft(trigger, conditions=ANYTHING, limits={"overlap": "coalesce"})
    assert "3 would have joined one that waited" in text_of(developer.press(backtesting(trigger), WINDOW))
    redraft(trigger, conditions=ANYTHING, limits={"max_queued": 1, "queue_policy": "drop_oldest"})
    assert "3 would have given way to a later one" in text_of(developer.press(backtesting(trigger), WINDOW))
    redraft(trigger, conditions=ANYTHING, limits={"storm_limit": 1})
    assert "would have paused it 2 times, first on" in text_of(developer.press(backtesting(trigger), WINDOW))


def test_slices_follow_each_other_and_show_how_far_it_is(
    developer: Visitor, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.backtest, "__kwdefaults__", {"cursor": "", "size": 2, "for_s": 0.0})
    happened(trigger, "new", "open", "closed")
    first = developer.press(backtesting(trigger), WINDOW).content.decode()
    assert re.search(r'<progress[^>]*max="100"[^>]*value="66"', first)
    assert 'hx-trigger="load, submit"' in first
    assert ">Stop</a>" in first
    cursor = re.search(r'name="cursor"\s+value="([^"]+)"', first)
    assert cursor is not None
    last = developer.press(backtesting(trigger), {**WINDOW, "cursor": cursor[1]})
    assert "3 events asked about" in text_of(last)
    assert "<progress" not in last.content.decode()
    redraft(trigger, conditions=ANYTHING)
    stale = developer.press(backtesting(trigger), {**WINDOW, "cursor": cursor[1]})
    assert (stale.status_code, "Begin it anew" in text_of(stale)) == (422, True)


@pytest.mark.parametrize("why", [Busy("A back-test of yours is being worked on."), Broken("The process ended.")])
def test_a_run_that_is_held_up_says_so_and_goes_on_from_where_it_was(
    developer: Visitor, trigger: Trigger, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    def refuse(**_: object) -> None:
        raise why

    monkeypatch.setattr(aside, "backtest", refuse)
    answer = developer.press(backtesting(trigger), {**WINDOW, "cursor": "so far"})
    page = answer.content.decode()
    assert str(why) in text_of(answer)
    assert 'hx-trigger="load delay:2s, submit"' in page
    for name, value in {**WINDOW, "cursor": "so far"}.items():
        assert re.search(rf'name="{name}"\s+value="{value}"', page)


def test_without_a_script_the_whole_page_answers(developer: Visitor, trigger: Trigger) -> None:
    happened(trigger, "new", "open")
    answer = developer.post(backtesting(trigger), WINDOW)
    assert "It would have fired 1 time" in text_of(answer)
    assert "<html" in answer.content.decode()


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"since": "2026-11-20", "until": "2026-11-19"}, "must not be before"),
        ({"since": "", "until": "2026-11-19"}, "required"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "greater than"),
    ],
)
def test_a_window_that_is_none_is_said(developer: Visitor, trigger: Trigger, window: Any, words: str) -> None:
    answer = developer.press(backtesting(trigger), window)
    assert (answer.status_code, words in text_of(answer)) == (422, True)


def test_empty_windows_and_fruitless_ones_say_so(developer: Visitor, trigger: Trigger) -> None:
    assert "No events in these days" in text_of(developer.press(backtesting(trigger), WINDOW))
    happened(trigger, "new", "closed")
    assert "None of these events fires" in text_of(developer.press(backtesting(trigger), WINDOW))


def test_while_the_feature_is_off_nothing_is_tried(developer: Visitor, trigger: Trigger) -> None:
    FeatureToggle.objects.create(key=Toggle.TRIGGER_MANAGEMENT, is_on=False)
    assert developer.get(trying(trigger)).status_code == 403
    assert developer.press(backtesting(trigger), WINDOW).status_code == 403


def test_noon_is_in_the_window_of_its_day() -> None:
    assert NOON.date().isoformat() == WINDOW["since"]
