"""Promises 1 to 4, as checks: what was acknowledged is there, whole, once, and nobody takes its key."""

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.db import IntegrityError, connection

from accounts.actor import Actor
from dct_site.kernel.clock import utcnow
from tests.promises.doorway import Doorway
from tests.triggers.door.client import BODY, github, make_hook
from tests.triggers.door.test_writer import Away
from triggers.door.store import store
from triggers.enums import Refusal
from triggers.models import Delivery, DeliveryOutcome, PendingDelivery
from triggers.services import intake
from triggers.services.intake_sql import PostgresStatements, Row, Statements
from triggers.services.keeping.purging import purge_due
from triggers.services.keeping.retention import change_retention

COPIES = 50
_STORED = "SELECT count(*) FROM triggers_delivery d JOIN triggers_pendingdelivery p ON p.delivery_id = d.id"


def an_acknowledged_delivery_is_stored() -> None:
    """Promise 1: when the client sees the 202, another connection sees the delivery and that it waits to be decided."""
    hook, own = make_hook(), store()
    seen: list[int] = []

    def look(status: int) -> None:
        if status == 202:
            seen.append(own.reading().execute(_STORED, ())[0][0])

    with Doorway(at_answer=look) as door:
        assert door.post(hook.endpoint.path, headers=github()).status == 202, "a good delivery was turned away"
    own.close()
    assert seen == [1], "a delivery was acknowledged before it was stored"


def a_commit_is_on_the_disk() -> None:
    """Promise 1: the door's commits survive a power cut, whatever other connections are content with."""
    own = store()
    asked = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"
    ((told,),) = own.reading().execute(asked, ())
    own.close()
    assert told not in (0, 1, "off"), f"the door's commits are not on the disk when they return: {told}"


def only_what_was_signed_is_acknowledged() -> None:
    """Promise 1: a 2xx says that a live secret signed the body."""
    hook = make_hook()
    spoiled = github() | {"X-Hub-Signature-256": "sha256=" + "0" * 64}
    with Doorway() as door:
        answers = [door.post(hook.endpoint.path, headers=headers).status for headers in ({}, spoiled)]
    assert answers == [401, 401], f"what nobody signed was answered {answers}"
    assert not PendingDelivery.objects.exists(), "what nobody signed was stored"


def only_what_fits_is_acknowledged() -> None:
    """Promise 1: also where the length was not declared."""
    hook = make_hook(max_body_bytes=100)
    body = b'"' + b"x" * 200 + b'"'
    with Doorway() as door:
        status = door.post(hook.endpoint.path, [body[:90], body[90:]], github(body), declares_length=False).status
    assert status == 413, f"a body over the limit was answered {status}"
    assert not PendingDelivery.objects.exists(), "a body over the limit was stored"


def without_a_database_it_is_503() -> None:
    """Promise 2: the sender is told to try again, and its next try is no duplicate."""
    hook = make_hook()
    away = Away(store(), sqlite3.OperationalError("unable to open database file"))
    with patch("triggers.door.app.store", lambda: away), Doorway() as door:
        refused = door.post(hook.endpoint.path, headers=github(key="k"))
        away.error = None
        again = door.post(hook.endpoint.path, headers=github(key="k"))
    assert refused.status == 503, f"without a database it was answered {refused.status}"
    assert int(refused.headers["retry-after"]) > 0, "the sender is not told when to try again"
    assert (again.status, again.value["duplicate"]) == (202, False), "the next try was not taken"


def nothing_is_half_written() -> None:
    """Promise 2: a database that dies between the delivery and its work leaves neither."""
    hook = make_hook()

    def dies(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    def dies_after(self: PostgresStatements, rows: Sequence[Row]) -> None:
        insert(self, rows)
        dies()

    insert = PostgresStatements.insert
    # On PostgreSQL they go in with one statement, and what can be between it and the end is no more than the commit.
    dying = (
        patch.object(PostgresStatements, "insert", dies_after)
        if connection.vendor == "postgresql"
        else patch.object(Statements, "add_pending", dies)
    )
    with dying, Doorway() as door:
        status = door.post(hook.endpoint.path, headers=github()).status
    assert status == 503, f"half a commit was answered {status}"
    assert not Delivery.objects.exists(), "a delivery without its work was left behind"


def what_is_accepted_is_work() -> None:
    """Promise 10: what the decider looks for goes in with the delivery, so that nobody has to remember it."""
    hook = make_hook()
    with Doorway() as door:
        door.post(hook.endpoint.path, headers=github())
    waits = PendingDelivery.objects.values_list("delivery_id", flat=True)
    assert list(waits) == list(Delivery.objects.values_list("pk", flat=True)), "an accepted delivery is nobody's work"


def copies_that_come_together_are_one() -> None:
    """Promise 3: fifty copies over two servers, each of which looked before the other had committed."""
    hook = make_hook()
    real = intake._collapse

    def looked_too_early(sql: Statements, rows: Sequence[Row], *, knows_some: bool) -> Any:
        return real(sql, rows, knows_some=False)

    with patch.object(intake, "_collapse", looked_too_early), Doorway(2) as doors:
        answers = doors.post_together(hook.endpoint.path, github(key="k"), COPIES)
    assert {answer.status for answer in answers} == {202}, "a duplicate was turned away"
    assert Delivery.objects.count() == 1, f"{COPIES} copies of one delivery are {Delivery.objects.count()} rows"
    assert sum(not answer.value["duplicate"] for answer in answers) == 1, "a duplicate was not told from a delivery"


def a_repeat_is_known_when_all_else_is_forgotten() -> None:
    """Promise 3: by another process, a week later, when the content is no longer kept."""
    hook = make_hook()
    with Doorway() as door:
        door.post(hook.endpoint.path, headers=github(key="k"))
    delivery = Delivery.objects.get()
    PendingDelivery.objects.all().delete()
    DeliveryOutcome.objects.create(delivery=delivery, status="decided", decided_at=delivery.received_at)
    change_retention(connection=None, by=Actor.system(), now=utcnow(), deliveries_days=1)
    purge_due(now=utcnow() + timedelta(days=8))
    with Doorway() as restarted:
        again = restarted.post(hook.endpoint.path, headers=github(key="k"))
    delivery.refresh_from_db()
    assert delivery.purged_at is not None
    assert again.value == {"delivery": delivery.pk, "duplicate": True}, "a repeat was taken for new"


def a_bad_signature_claims_no_key() -> None:
    """Promise 4: the good delivery under the key that a forger used before is the first one."""
    hook = make_hook()
    with Doorway() as door:
        forged = door.post(hook.endpoint.path, headers=github(key="k", secret="a guess"))
        door.flush_rejections()
        good = door.post(hook.endpoint.path, headers=github(key="k"))
    assert (forged.status, good.status) == (401, 202)
    assert Delivery.objects.filter(rejection=Refusal.BAD_SIGNATURE).exists()
    assert not good.value["duplicate"], "a forger's delivery took the key of the good one"


def the_database_gives_no_key_to_a_rejected_one() -> None:
    """Promise 4: whatever code comes by."""
    row = Delivery(connection_id=1, source="github", body=BODY, body_hash="x", received_at=utcnow(), delivery_key="k")
    row.rejection = Refusal.BAD_SIGNATURE
    try:
        row.save()
    except IntegrityError:
        return
    raise AssertionError("the database stored a rejected delivery with a key")
