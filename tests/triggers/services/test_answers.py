"""Counting the answers to a page of events: what a list counts is what each event's own page tells."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Role
from accounts.models import Connection, User
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, make_delivery, make_jira, make_trigger, ticket
from triggers.enums import Origin, Outcome
from triggers.models import Event
from triggers.services.answers import count_answers
from triggers.services.decide.pending import decide_pending
from triggers.services.explain import explain_all
from triggers.services.standing import disable, pause
from workspaces.models import ContextItem

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
NEVER = {"all": [{"type": "status_change", "config": {"to_status": "nowhere"}}]}


@pytest.fixture
def owner() -> User:
    return make_user()


def happen(connection: Connection, **over: Any) -> Event:
    make_delivery(connection, ticket(state={"n": Event.objects.count()}), **over)
    decide_pending(now=NOON)
    return Event.objects.select_related("item").latest("pk")


def test_the_counts_are_those_of_each_events_own_answers(owner: User) -> None:
    connection = make_jira(owner=owner)
    fired = make_trigger(connection=connection, owner=owner)
    make_trigger(connection=connection, owner=owner, conditions=NEVER)
    events = [happen(connection)]
    make_trigger(item=ContextItem.objects.get(external_key="OPS-1"), owner=owner, conditions=NEVER)
    events.append(happen(connection))
    pause(trigger=fired, by=SYSTEM, now=NOON)
    events.append(happen(connection))
    disable(trigger=fired, by=SYSTEM, now=NOON)
    events.append(happen(connection))

    counts = count_answers(events, user=owner)

    assert [dict(counts[event.pk]) for event in events] == [
        {Outcome.FIRED: 1, Outcome.NOT_MATCHED: 1},
        {Outcome.FIRED: 1, Outcome.NOT_MATCHED: 2},
        {Outcome.SUPPRESSED: 1, Outcome.NOT_MATCHED: 2},
        {Outcome.NOT_MATCHED: 2},
    ]
    for event in events:
        assert counts[event.pk] == Counter(answer.outcome for answer in explain_all(event=event))


def test_about_what_was_there_before_nobody_was_asked(owner: User) -> None:
    connection = make_jira(owner=owner)
    make_trigger(connection=connection, owner=owner)
    event = happen(connection, origin=Origin.BACKFILL)
    assert explain_all(event=event) == []
    assert count_answers([event], user=owner)[event.pk] == Counter()


def test_a_trigger_that_the_person_may_not_see_is_not_counted(owner: User) -> None:
    seller = make_user(role=Role.CEO)
    connection = make_jira(owner=seller)
    make_trigger(connection=connection, owner=seller)
    make_trigger(connection=connection, owner=owner)
    make_trigger(connection=connection, owner=owner, conditions=NEVER)
    event = happen(connection)
    assert count_answers([event], user=seller)[event.pk] == Counter({Outcome.FIRED: 1})
    assert count_answers([event], user=owner)[event.pk] == Counter({Outcome.FIRED: 2, Outcome.NOT_MATCHED: 1})


def test_a_page_of_many_events_takes_as_many_queries_as_one(owner: User) -> None:
    connection = make_jira(owner=owner)
    make_trigger(connection=connection, owner=owner)
    events = [happen(connection) for _ in range(5)]
    with CaptureQueriesContext(database) as for_one:
        count_answers(events[:1], user=owner)
    with CaptureQueriesContext(database) as for_all:
        count_answers(events, user=owner)
    assert len(for_all) == len(for_one)
