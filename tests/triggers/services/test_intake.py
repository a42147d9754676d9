"""Intake through Django's connection: as a poller, firing by hand and replay use it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.triggers.door.client import make_hook
from triggers.enums import Origin, Refusal
from triggers.models import Delivery, DeliveryDuplicates, Generation, PendingDelivery
from triggers.services import intake
from triggers.services.intake import Incoming, Receipt, accept
from triggers.services.intake_sql import statements

pytestmark = [pytest.mark.django_db, pytest.mark.two_ways]

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def incoming(key: str | None = None, body: bytes = b"{}", connection_id: int = 1, **over: object) -> Incoming:
    made = Incoming(connection_id=connection_id, source="internal", body=body, received_at=NOON, delivery_key=key)
    return replace(made, **over)  # type: ignore[arg-type]


def test_receipts_come_in_the_order_of_what_was_given() -> None:
    given = [incoming("b"), incoming(None), incoming("a"), incoming("b"), incoming("b", b"[]"), incoming(None)]
    receipts = accept(given)
    assert [receipt.duplicate for receipt in receipts] == [False, False, False, True, False, False]
    assert [receipt.key_conflict for receipt in receipts] == [False, False, False, False, True, False]
    assert receipts[3].delivery_id == receipts[0].delivery_id
    stored = {row.pk: row for row in Delivery.objects.all()}
    assert len(stored) == 5
    for one, receipt in zip(given, receipts, strict=True):
        row = stored[receipt.delivery_id]
        assert (row.delivery_key, bytes(row.body)) == (one.delivery_key, one.body)


def test_deliveries_get_their_ids_in_the_order_of_arrival() -> None:
    receipts = accept([incoming(key) for key in ("z", "a", "m")])
    ids = [receipt.delivery_id for receipt in receipts]
    assert ids == sorted(ids)


def test_a_row_reads_back_as_it_was_written() -> None:
    (receipt,) = accept(
        [
            incoming(
                "k", b"\x00\xff", endpoint_id=4, origin=Origin.REPLAY, headers={"a": "é"}, trust_tier="verified",
                generation=17,
            )
        ]
    )  # fmt: skip
    row = Delivery.objects.get(pk=receipt.delivery_id)
    assert (bytes(row.body), row.endpoint_id, row.origin, row.headers) == (b"\x00\xff", 4, Origin.REPLAY, {"a": "é"})
    assert (row.trust_tier, row.generation, row.received_at) == ("verified", 17, NOON)
    assert row.body_hash == intake.body_hash(b"\x00\xff")
    assert not row.key_conflict


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    at = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    (receipt,) = accept([incoming("k", received_at=at)])
    assert Delivery.objects.get(pk=receipt.delivery_id).received_at == NOON


def test_a_generation_that_nobody_gave_is_the_current_one() -> None:
    Generation.objects.update(value=41)
    (receipt,) = accept([incoming()])
    assert Delivery.objects.get(pk=receipt.delivery_id).generation == 41


def test_one_key_of_two_connections_is_two_keys() -> None:
    assert [receipt.duplicate for receipt in accept([incoming("k"), incoming("k", connection_id=2)])] == [False, False]


def test_duplicates_are_counted_over_calls_and_inside_one() -> None:
    (first,) = accept([incoming("k")])
    accept([incoming("k"), incoming("k")])
    later = NOON + timedelta(hours=1)
    accept([incoming("k", received_at=later)])
    counted = DeliveryDuplicates.objects.get()
    assert (counted.delivery_id, counted.count, counted.last_at) == (first.delivery_id, 3, later)


def test_a_rejected_one_claims_no_key_and_is_no_work() -> None:
    rejected, good = accept([incoming("k", rejection=Refusal.BAD_SIGNATURE), incoming("k")])
    assert not good.duplicate
    assert Delivery.objects.get(pk=rejected.delivery_id).delivery_key is None
    assert [row.delivery_id for row in PendingDelivery.objects.all()] == [good.delivery_id]


def test_nothing_in_is_nothing_out() -> None:
    assert accept([]) == []
    assert intake.store(statements(connection.vendor, intake._execute), []) == []


def test_a_batch_costs_a_handful_of_statements() -> None:
    with CaptureQueriesContext(
        connection,
    ) as few:
        accept([incoming(f"a{number}") for number in range(2)])
    with CaptureQueriesContext(connection) as many:
        accept([incoming(f"b{number}") for number in range(300)])
    assert len(many) == len(few)


def test_more_than_one_statement_holds_goes_in_chunks() -> None:
    receipts = accept([incoming(f"k{number}") for number in range(intake.CHUNK * 2 + 1)])
    assert len({receipt.delivery_id for receipt in receipts}) == Delivery.objects.count() == intake.CHUNK * 2 + 1


def test_it_joins_the_callers_transaction() -> None:
    class Rolled(Exception):
        pass

    def begin() -> None:
        with transaction.atomic():
            accept([incoming("k")])
            raise Rolled

    with pytest.raises(Rolled):
        begin()
    assert not Delivery.objects.exists()
    assert not PendingDelivery.objects.exists()


def test_what_another_server_stored_in_between_is_a_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    (theirs,) = accept([incoming("k")])
    look = intake.look
    monkeypatch.setattr(intake, "look", lambda *given: look(*given)._replace(knows_some=False))
    receipts = accept([incoming("k"), incoming(None), incoming("k")])
    assert receipts[0] == receipts[2] == Receipt(theirs.delivery_id, duplicate=True)
    assert not receipts[1].duplicate
    assert DeliveryDuplicates.objects.get().count == 2
    assert PendingDelivery.objects.count() == 2


def test_only_the_rejected_are_trimmed() -> None:
    hook = make_hook()
    mine = {"connection_id": hook.connection.pk, "endpoint_id": hook.endpoint.pk}
    accept([incoming(rejection=Refusal.TOO_LARGE, **mine) for _ in range(7)])  # type: ignore[arg-type]
    kept = accept([incoming("k", **mine)])  # type: ignore[arg-type]
    sql = statements(connection.vendor, intake._execute)
    sql.trim_rejected(hook.endpoint.pk, 5)
    sql.trim_rejected(hook.endpoint.pk, 5)
    assert Delivery.objects.exclude(rejection="").count() == 5
    assert Delivery.objects.filter(pk=kept[0].delivery_id).exists()


def test_keys_are_looked_up_by_the_index() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by statistics that a test does not have")
    plans: list[str] = []

    def explain(statement: str, values: Sequence[Any]) -> list[tuple[object, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row[3] for row in cursor.fetchall())
        return []

    asked = statements("sqlite", explain)
    asked.known([(1, "a"), (2, "b")])
    with pytest.raises(IndexError):
        asked.look([(1, "a"), (2, "b")], 2)  # a plan has no generation
    assert sum(plan.startswith("SEARCH d ") for plan in plans) == 2
    assert not any(plan.startswith("SCAN d") for plan in plans)
