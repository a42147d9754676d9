"""What becomes of a delivery is told in the journal, in the transaction that settles it."""

from datetime import datetime

import pytest

from accounts.models import JournalEntry
from tests.factories.triggers import make_delivery, make_jira
from triggers.services.decide.pending import decide_pending

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("event", "status"), [({}, "decided"), ({"refuse": "not_supported"}, "refused"), ({"raise": "oops"}, "error")]
)
def test_a_settled_delivery_is_told_once(now: datetime, event: dict[str, str], status: str) -> None:
    connection = make_jira()
    delivery = make_delivery(connection, event, now=now)
    assert not JournalEntry.objects.filter(kind="delivery").exists()
    decide_pending(now=now)
    decide_pending(now=now)
    line = JournalEntry.objects.get(kind="delivery")
    assert (line.object_id, line.came_from, line.to) == (delivery.pk, "received", status)
    assert line.refs == {"delivery": delivery.pk, "connection": connection.pk}
