"""Large bodies: emptied in parts, and nothing of them left in the file."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database

from tests.factories.executions import make_execution
from tests.factories.triggers import NOON, make_jira
from triggers.models import Delivery, Event
from triggers.services.intake import Incoming, accept
from triggers.services.keeping import large_bodies, purging
from triggers.services.keeping.purging import DELIVERIES, purge_due

LATER = NOON + timedelta(days=31)
CANARY = b"kim.canary@example.org "


def bring(size: int = 2_000_000, **over: Any) -> Delivery:
    connection = make_jira()
    body = (CANARY * (size // len(CANARY) + 1))[:size]
    values = {"body": body, "received_at": NOON, "rejection": "not_safe_json", **over}
    receipt = accept([Incoming(connection_id=connection.pk, source=connection.source, **values)])[0]
    return Delivery.objects.get(pk=receipt.delivery_id)


def pragma(name: str) -> Any:
    with database.cursor() as cursor:
        return cursor.execute(f"PRAGMA {name}").fetchone()


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_large_body_is_left_in_the_file() -> None:
    row = bring()
    others = [bring(10), bring(large_bodies.WHOLE)]

    assert purge_due(now=LATER) == 3

    for one in (row, *others):
        one.refresh_from_db()
        assert (bytes(one.body), one.headers, one.purged_at) == (b"", {}, LATER)
    if database.vendor == "sqlite":
        with database.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert CANARY not in Path(str(database.settings_dict["NAME"])).read_bytes()


@pytest.mark.django_db
@pytest.mark.parametrize("setting", ["secure_delete", "mmap_size"])
def test_settings_of_the_connection_are_as_before(setting: str) -> None:
    if database.vendor != "sqlite":
        pytest.skip("a setting of SQLite")
    before = pragma(setting)
    bring()
    assert purge_due(now=LATER) == 1
    assert pragma(setting) == before


@pytest.mark.django_db
def test_no_transaction_writes_more_than_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    if database.vendor != "sqlite":
        pytest.skip("only SQLite locks others out")
    row, parts = bring(large_bodies.WHOLE * 2 + 10), []
    whole = large_bodies._overwritten

    def noted(rows: Any, pk: int, start: int, count: int) -> bool:
        parts.append((start, count))
        return whole(rows, pk, start, count)

    monkeypatch.setattr(large_bodies, "_overwritten", noted)
    assert purge_due(now=LATER) == 1

    assert sum(count for _, count in parts) == large_bodies.WHOLE * 2 + 10
    assert max(count for _, count in parts) == large_bodies.PART
    assert [start for start, _ in parts] == [large_bodies.PART * number for number in range(5)]
    row.refresh_from_db()
    assert bytes(row.body) == b""


@pytest.mark.django_db
def test_one_that_became_busy_since_it_was_chosen_is_left() -> None:
    row = bring()
    execution = make_execution()
    Event.objects.filter(pk=execution.event_id).update(delivery_id=row.pk)

    assert DELIVERIES.empty([row.pk], LATER) == 0
    row.refresh_from_db()
    assert bytes(row.body).startswith(CANARY)


@pytest.mark.django_db
def test_a_part_is_not_written_once_the_body_may_not_be_touched() -> None:
    if database.vendor != "sqlite":
        pytest.skip("only SQLite does it in parts")
    row = bring()
    assert not large_bodies._overwritten(Delivery.objects.none(), row.pk, 0, 10)
    row.refresh_from_db()
    assert bytes(row.body).startswith(CANARY)


@pytest.mark.django_db
def test_a_call_that_took_long_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        bring(300_000)
    monkeypatch.setattr(purging, "PATIENCE_S", -1.0)
    assert purge_due(now=LATER) == 0
    monkeypatch.setattr(purging, "PATIENCE_S", 60.0)
    assert purge_due(now=LATER) == 2


@pytest.mark.django_db
def test_one_whose_overwriting_was_cut_short_is_not_called_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    if database.vendor != "sqlite":
        pytest.skip("only SQLite does it in parts")
    row = bring()
    monkeypatch.setattr(large_bodies, "_overwritten", lambda *_args: False)
    assert DELIVERIES.empty([row.pk], LATER) == 0
    row.refresh_from_db()
    assert row.purged_at is None


@pytest.mark.django_db
def test_a_setting_that_a_build_of_sqlite_does_not_know_is_left_alone() -> None:
    if database.vendor != "sqlite":
        pytest.skip("a setting of SQLite")
    with large_bodies._set("no_such_setting", 1):
        pass
    assert pragma("no_such_setting") is None
