"""Items of the library as deciding makes and moves them: state never goes backwards, and its history is kept."""

import pytest

from tests.factories.triggers import NOON, make_delivery, make_jira, make_listener, make_trigger, status_change, ticket
from tests.factories.workspaces import make_connection, make_item
from triggers.enums import Outcome
from triggers.models import (
    Decision,
    Event,
)
from triggers.services.decide.pending import decide_pending
from workspaces.models import ContextItem, ItemState

pytestmark = pytest.mark.django_db


def test_items_are_made_under_a_connection_that_is_heard_as_a_whole_parents_first() -> None:
    connection = make_jira()
    pull = {"kind": "pull_request", "key": "o/r#1", "title": "A", "parent": {"kind": "repository", "key": "o/r"}}
    make_delivery(connection, {"item": pull, "state": {"status": "open"}})

    decide_pending(now=NOON)

    child = ContextItem.objects.get(external_key="o/r#1")
    assert child.parent is not None
    assert child.parent.external_key == "o/r"
    assert child.parent.is_watched
    assert not child.is_watched
    assert (child.state, child.state_version) == ({"status": "open"}, 1)
    assert Event.objects.get().item == child


@pytest.mark.parametrize("is_watched", [True, False])
def test_under_a_connection_that_is_not_heard_only_what_hangs_under_a_watched_item_is_made(is_watched: bool) -> None:
    connection = make_connection(source="jira")
    make_item(connection=connection, kind="repository", external_key="o/r", is_watched=is_watched)
    pull = {"kind": "pull_request", "key": "o/r#1", "parent": {"kind": "repository", "key": "o/r"}}
    make_delivery(connection, {"item": pull})

    decide_pending(now=NOON)

    assert ContextItem.objects.filter(external_key="o/r#1").exists() is is_watched
    assert (Event.objects.get().item is not None) is is_watched


def test_what_hangs_under_an_item_with_a_listener_is_made_too() -> None:
    connection = make_connection(source="jira")
    repository = make_item(connection=connection, kind="repository", external_key="o/r")
    make_listener(connection=connection, item=repository)
    make_delivery(connection, {"item": {"key": "o/r#1", "parent": {"kind": "repository", "key": "o/r"}}})

    decide_pending(now=NOON)

    assert ContextItem.objects.get(external_key="o/r#1").parent == repository


def test_an_item_nobody_watches_is_not_made() -> None:
    make_delivery(make_connection(source="jira"), ticket())

    decide_pending(now=NOON)

    assert not ContextItem.objects.exists()


def test_the_state_history_keeps_every_step_and_what_changed_it() -> None:
    connection = make_jira()
    make_delivery(connection, ticket(state={"status": "open"}, upstream_version="1"))
    make_delivery(connection, ticket(state={"status": "done"}, upstream_version="2"))

    decide_pending(now=NOON)

    first, second = ItemState.objects.order_by("version")
    events = list(Event.objects.order_by("pk"))
    assert (first.state, first.changes, first.event_id) == ({"status": "open"}, {}, events[0].pk)
    assert (second.state, second.changes) == ({"status": "done"}, {"status": ["open", "done"]})
    assert [event.item_version for event in events] == [0, 1]
    assert (events[1].changes, events[1].before) == ({"status": ["open", "done"]}, {"status": "open"})


def test_a_report_that_says_nothing_new_makes_no_new_state_but_a_newer_version_is_kept() -> None:
    connection = make_jira()
    make_delivery(connection, ticket(state={"status": "open"}, upstream_version="1"))
    make_delivery(connection, ticket(state={"status": "open"}, upstream_version="2"))

    decide_pending(now=NOON)

    item = ContextItem.objects.get()
    assert (item.state_version, item.upstream_version) == (1, "2")


def test_a_late_event_is_judged_by_its_own_before_and_after_and_moves_no_state() -> None:
    trigger = make_trigger(conditions=status_change(to_status="done"))
    connection = trigger.listeners.get().connection
    make_delivery(connection, ticket(state={"status": "closed"}, upstream_version="3"))
    late = ticket(
        state={"status": "done"}, changes={"status": ["open", "done"]}, upstream_version="2", item={"key": "OPS-1"}
    )
    make_delivery(connection, late)

    decide_pending(now=NOON)

    item = ContextItem.objects.get()
    assert (item.state, item.state_version, item.title) == ({"status": "closed"}, 1, "The door")
    assert Event.objects.latest("pk").is_late
    assert Decision.objects.get().outcome == Outcome.FIRED


def test_a_late_event_without_its_own_changes_changed_nothing() -> None:
    connection = make_jira()
    make_delivery(connection, ticket(state={"status": "closed"}, upstream_version="3"))
    make_delivery(connection, ticket(state={"status": "done"}, upstream_version="2"))

    decide_pending(now=NOON)

    assert Event.objects.latest("pk").changes == {}
