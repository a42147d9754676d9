"""The audit log: in the change's transaction, redacted, append-only, chained."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import SimpleQueue

import pytest
from django.apps import apps
from django.db import connection, transaction

from accounts.actor import Actor
from accounts.models import AuditEntry, User
from accounts.models.audit import AppendOnlyError
from accounts.services import audit, sealing
from dct_site.kernel.redaction import REDACTED
from tests.factories.deliverables import make_deliverable
from tests.factories.executions import make_event
from tests.factories.workspaces import make_item, make_workspace


def entry(now: datetime, **after: object) -> AuditEntry:
    with transaction.atomic():
        return audit.record(by=Actor.system(), action="thing.changed", obj=None, now=now, after=after)


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_of_a_transaction_is_refused(now: datetime) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(by=Actor.system(), action="thing.changed", obj=None, now=now)


@pytest.mark.django_db
def test_secrets_are_redacted_at_any_depth(now: datetime) -> None:
    row = entry(now, config={"password": "hunter2", "keep": [1, {"api_token": "abc"}]}, secret="", when=now)
    assert row.after["config"] == {"password": REDACTED, "keep": [1, {"api_token": REDACTED}]}
    assert row.after["secret"] == ""
    assert row.after["when"] == str(now)


@pytest.mark.django_db
def test_an_entry_names_nothing_by_what_came_from_outside(now: datetime) -> None:
    outside = [
        make_item(title="Kim's complaint"),
        make_workspace(title="For Kim"),
        make_event(subject="Kim"),
        make_deliverable(make_workspace(), name="For Kim"),
    ]
    with transaction.atomic():
        rows = [audit.record(by=Actor.cli(), action="thing.seen", obj=one, now=now) for one in outside]
    kinds = ["context item", "workspace", "event", "deliverable"]
    assert [row.object_label for row in rows] == [f"{kind} {one.pk}" for kind, one in zip(kinds, outside, strict=True)]


def test_only_what_people_here_name_is_named_in_the_log() -> None:
    """Whoever gives another model a name for the log says here that no outside text is in it."""
    named = {model.__name__ for model in apps.get_models() if hasattr(model, "audit_name")}
    assert named == {
        "AgentProfile",
        "Connection",
        "FeatureToggle",
        "ModelProvider",
        "RuntimeCommand",
        "Trigger",
        "User",
        "WorkspaceTemplate",
    }


@pytest.mark.django_db
def test_an_entry_names_who_what_and_the_object(now: datetime) -> None:
    user = User.objects.create(username="ann")
    with transaction.atomic():
        row = audit.record(by=Actor.cli(), action="user.seen", obj=user, now=now)
    assert (row.actor_label, row.via, row.kind, row.object_id, row.object_label) == (
        "cli",
        "cli",
        "user",
        user.pk,
        "ann",
    )


@pytest.mark.django_db
def test_an_entry_can_be_neither_changed_nor_deleted(now: datetime) -> None:
    row = entry(now)
    with pytest.raises(AppendOnlyError):
        row.save()
    with pytest.raises(AppendOnlyError):
        row.delete()


@pytest.mark.django_db
def test_the_chain_holds_and_finds_one_changed_byte(now: datetime) -> None:
    for number in range(5):
        entry(now, number=number)
    assert sealing.seal(limit=3) == 3
    assert sealing.seal() == 2
    assert sealing.seal() == 0
    report = sealing.verify()
    assert report.holds
    assert report.entries == 5
    third = AuditEntry.objects.get(position=3)
    AuditEntry.objects.filter(pk=third.pk).update(actor_label="systen")
    assert sealing.verify().broken_at == third.pk


def wait_until_blocked(pid: int) -> None:
    """Wait until the session ``pid`` waits for a lock that this one holds."""
    until = time.monotonic() + 10
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_backend_pid() = ANY(pg_blocking_pids(%s))", [pid])
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < until, "it never waited"


@pytest.mark.postgres
@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_of_two_sealers_that_begin_the_chain_at_once_one_leaves_it_to_the_other(now: datetime) -> None:
    pids: SimpleQueue[int] = SimpleQueue()

    def begin_too() -> int:
        try:
            entry(now, number=2)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.put(cursor.fetchone()[0])
            return sealing.seal()
        finally:
            connection.close()

    entry(now, number=1)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert sealing.seal() == 1
            other = pool.submit(begin_too)
            wait_until_blocked(pids.get(timeout=10))
        assert other.result() == 0
    assert sealing.seal() == 1
    assert (sealing.verify().holds, sealing.verify().entries) == (True, 2)


@pytest.mark.django_db
def test_the_chain_misses_a_deleted_entry(now: datetime) -> None:
    for number in range(3):
        entry(now, number=number)
    sealing.seal()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_auditentry WHERE position = 2")
    assert "missing" in sealing.verify().detail
