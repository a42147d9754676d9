"""What a person sees of triggers, events, deliveries and decisions is what the permission rule says."""

import pytest

from accounts.enums import Role, Source
from tests.factories.accounts import make_user
from tests.factories.triggers import NOON, WrittenOut, make_delivery, make_jira, make_trigger
from tests.factories.workspaces import make_item
from triggers.models import Delivery, Event
from triggers.selectors.decisions import decisions_visible_to
from triggers.selectors.events import (
    connections_of,
    deliveries_visible_to,
    events_of_delivery,
    events_of_item,
    events_visible_to,
    raw_deliveries_visible_to,
)
from triggers.selectors.triggers import revisions_visible_to, triggers_of_item, triggers_visible_to
from triggers.services.decide.pending import decide_pending
from triggers.sources import registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())


def test_a_ceo_sees_what_is_theirs_and_a_developer_everything() -> None:
    ceo, other, developer = make_user(role=Role.CEO), make_user(role=Role.CEO), make_user()
    trigger = make_trigger(owner=ceo)
    make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)

    for user, count in ((ceo, 1), (other, 0), (developer, 1), (None, 0)):
        assert triggers_visible_to(user=user).count() == count
        assert revisions_visible_to(user=user, trigger=trigger).count() == count
        assert events_visible_to(user=user).count() == count
        assert deliveries_visible_to(user=user).count() == count
        assert raw_deliveries_visible_to(user=user).count() == count
        assert decisions_visible_to(user=user).count() == count


def test_the_events_of_a_delivery_and_of_an_item_with_what_hangs_under_it() -> None:
    user = make_user()
    connection = make_jira()
    repository = make_item(connection=connection, kind="repository", external_key="o/r")
    make_item(connection=connection, kind="pull_request", external_key="o/r#1", parent=repository)
    delivery = make_delivery(connection, {"item": {"kind": "pull_request", "key": "o/r#1"}}, {})
    decide_pending(now=NOON)

    assert events_of_delivery(user=user, delivery=delivery).count() == 2
    assert events_of_item(user=user, item_id=repository.pk).get() == Event.objects.exclude(item=None).get()
    assert connections_of(Delivery.objects.all()) == {connection.pk: connection}


def test_the_triggers_of_an_item_hear_it_or_the_one_above_it_or_its_connection() -> None:
    connection = make_jira()
    repository = make_item(connection=connection, kind="repository", external_key="o/r")
    pull = make_item(connection=connection, parent=repository)
    hearing = {make_trigger(item=pull), make_trigger(item=repository), make_trigger(connection=connection)}
    make_trigger()

    assert set(triggers_of_item(user=make_user(), item=pull)) == hearing
    assert triggers_of_item(user=make_user(), item=repository).count() == 2
