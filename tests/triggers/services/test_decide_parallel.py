"""Many deciders at once: one event a delivery, one execution an event, whoever has the turn."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection

from tests.factories.triggers import NOON, after, make_delivery, make_jira, make_trigger
from triggers.enums import DeliveryStatus, Outcome
from triggers.models import Decision, Delivery, DeliveryOutcome, Event, Execution, PendingDelivery, SeenChange
from triggers.services.decide import pending as decide
from triggers.services.decide.commit import Overtaken, commit
from triggers.services.decide.pace import MAX_BATCH, TARGET_S, Pace
from triggers.services.decide.pending import decide_pending
from triggers.services.decide.plan import Plan
from triggers.services.decide.plan import prepare as plan_of
from triggers.services.decide.sql import mark_fired
from triggers.services.decide.suspects import GIVEN_UP_AFTER, Suspects
from triggers.services.decide.turn import PATIENCE, Patience, turn
from workspaces.models import ContextItem, ItemState


@contextmanager
def everybodys_turn() -> Iterator[bool]:
    yield True


def decide_until_nothing_is_left(_: int) -> int:
    decided = 0
    try:
        while PendingDelivery.objects.exists():
            decided += decide_pending(now=after(60), limit=10)
    finally:
        connection.close()
    return decided


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_turn_kept", [True, False], ids=["taking turns", "without turns"])
def test_deciders_in_parallel_decide_every_delivery_once(monkeypatch: pytest.MonkeyPatch, is_turn_kept: bool) -> None:
    if not is_turn_kept:
        monkeypatch.setattr(decide, "turn", everybodys_turn)
    trigger = make_trigger()
    cooling = make_trigger(connection=trigger.listeners.get().connection, limits={"cooldown_s": 3600})
    bounds: list[tuple[dict[str, Any], dict[str, int]]] = [
        ({"max_queued": 3}, {"queued": 3}),
        ({"max_queued": 3, "queue_policy": "drop_oldest"}, {"queued": 3, "cancelled": 9}),
        ({"max_queued": 2, "overlap": "coalesce"}, {"queued": 2}),
        ({"overlap": "skip"}, {"queued": 3}),
        ({"rate_limit": 4}, {"queued": 4}),
        ({"storm_limit": 5}, {"queued": 5}),
    ]
    bounded = [make_trigger(connection=cooling.listeners.get().connection, limits=limits) for limits, _ in bounds]
    for at in range(12):
        fields = {"item": {"key": f"OPS-{at % 3}"}, "state": {"count": at}, "upstream_version": f"{at:03}"}
        for _ in range(2):
            make_delivery(trigger.listeners.get().connection, {**fields, "change_key": str(at)}, now=after(at))

    with ThreadPoolExecutor(4) as pool:
        decided = sum(pool.map(decide_until_nothing_is_left, range(4)))

    assert decided == 24
    assert Event.objects.count() == 12
    assert Execution.objects.filter(trigger=trigger).count() == 12
    assert Execution.objects.filter(trigger=cooling).count() == 1
    assert Decision.objects.filter(trigger=cooling, outcome=Outcome.SUPPRESSED).count() == 11
    for one, (_, expected) in zip(bounded, bounds, strict=True):
        assert Counter(Execution.objects.filter(trigger=one).values_list("status", flat=True)) == expected
        assert Decision.objects.filter(trigger=one).count() == 12
        assert not Decision.objects.filter(trigger=one, outcome=Outcome.ERROR).exists()
    for item in ContextItem.objects.all():
        versions = list(ItemState.objects.filter(item=item).order_by("version").values_list("version", flat=True))
        assert versions == list(range(1, item.state_version + 1))


class Killed(BaseException):
    """What kill -9 would be."""


def process_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "suspects", Suspects())


@pytest.mark.django_db
def test_a_delivery_that_ends_every_process_is_given_up_and_the_others_are_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trigger = make_trigger()
    connection = trigger.listeners.get().connection
    rows = [make_delivery(connection, {"change_key": str(at)}) for at in range(5)]
    poison = rows[2].pk

    def kills(*, deliveries: Sequence[Delivery], now: datetime) -> Plan:
        if poison in {delivery.pk for delivery in deliveries}:
            raise Killed
        return plan_of(deliveries=deliveries, now=now)

    monkeypatch.setattr(decide, "prepare", kills)
    killed = 0
    while PendingDelivery.objects.exists():
        process_begins(monkeypatch)
        try:
            decide_pending(now=NOON)
        except Killed:
            killed += 1

    assert killed == GIVEN_UP_AFTER
    outcome = DeliveryOutcome.objects.get(pk=poison)
    assert (outcome.status, "EndsProcess" in outcome.detail) == (DeliveryStatus.ERROR, True)
    assert Event.objects.count() == Execution.objects.count() == 4


@pytest.mark.django_db
def test_what_a_living_process_could_not_decide_is_never_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    make_delivery(make_trigger().listeners.get().connection, {"change_key": "1"})
    process_begins(monkeypatch)

    def is_away(plan: Plan) -> None:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr(decide, "commit", is_away)
        for _ in range(2 * GIVEN_UP_AFTER):
            with pytest.raises(OperationalError):
                decide_pending(now=NOON)

    assert decide_pending(now=NOON) == 1
    assert DeliveryOutcome.objects.get().status == DeliveryStatus.DECIDED


@pytest.mark.django_db
def test_a_change_that_was_reported_meanwhile_is_noticed_before_anything_is_written() -> None:
    delivery = make_delivery(make_trigger().listeners.get().connection, {"change_key": "1"})
    plan = plan_of(deliveries=[delivery], now=NOON)
    SeenChange.objects.create(connection_id=delivery.connection_id, change_key="1", seen_at=NOON)
    with pytest.raises(Overtaken):
        commit(plan)


@pytest.mark.django_db
def test_an_older_firing_does_not_take_the_place_of_a_later_one() -> None:
    trigger = make_trigger()
    for at, last in ((after(60), after(60)), (NOON, after(60)), (after(61), after(61))):
        mark_fired({trigger.pk: at})
        trigger.refresh_from_db()
        assert trigger.last_fired_at == last


@pytest.mark.django_db
def test_each_execution_has_its_own_start() -> None:
    connection = make_trigger().listeners.get().connection
    make_trigger(connection=connection)
    for at in range(5):
        make_delivery(connection, {"change_key": str(at)})
    assert decide_pending(now=NOON) == 5
    starts = {execution.pk: execution.start for execution in Execution.objects.select_related("start")}
    assert len(starts) == 10
    assert {pk: start.subject_id for pk, start in starts.items() if start} == {pk: pk for pk in starts}


@pytest.mark.django_db
def test_what_was_tried_before_is_decided_alone_and_the_others_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers.services.decide.suspects.COUNTED_AT_ONCE", 2)
    connection = make_trigger().listeners.get().connection
    ids = [make_delivery(connection, {"change_key": str(at)}).pk for at in range(6)]
    PendingDelivery.objects.filter(pk=ids[3]).update(tries=1)
    assert [portion for portion, _ in Suspects().in_portions(ids)] == [ids[:2], ids[2:3], ids[3:4], ids[4:]]
    assert set(PendingDelivery.objects.values_list("tries", flat=True)) == {1, 2}


@pytest.mark.django_db
def test_what_comes_to_a_running_process_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_trigger().listeners.get().connection
    process_begins(monkeypatch)
    decide_pending(now=NOON)
    seen: list[int] = []
    make_delivery(connection, {"change_key": "1"})

    def looks(*, deliveries: Sequence[Delivery], now: datetime) -> Plan:
        seen.extend(PendingDelivery.objects.values_list("tries", flat=True))
        return plan_of(deliveries=deliveries, now=now)

    monkeypatch.setattr(decide, "prepare", looks)
    assert decide_pending(now=NOON) == 1
    assert seen == [0]


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_only_one_has_the_turn_and_it_comes_back() -> None:
    def try_it() -> bool:
        try:
            with turn() as is_ours:
                return is_ours
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with turn() as is_ours:
            assert is_ours
            assert not pool.submit(try_it).result()
        assert pool.submit(try_it).result()


@pytest.mark.django_db
def test_whoever_has_not_the_turn_decides_nothing_until_nothing_has_moved_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def somebody_elses_turn() -> Iterator[bool]:
        yield False

    monkeypatch.setattr(decide, "turn", somebody_elses_turn)
    monkeypatch.setattr(decide, "patience", Patience())
    make_delivery(make_jira())

    assert decide_pending(now=NOON) == 0
    assert decide_pending(now=NOON + PATIENCE / 2) == 0
    assert decide_pending(now=NOON + PATIENCE) == 1


@pytest.mark.one_pass
def test_patience_begins_again_when_something_moves() -> None:
    patience = Patience()
    assert not patience.is_over(1, NOON)
    assert not patience.is_over(2, NOON + PATIENCE)
    assert not patience.is_over(None, NOON + 2 * PATIENCE)
    assert not patience.is_over(2, NOON + 3 * PATIENCE)
    assert patience.is_over(2, NOON + 4 * PATIENCE)


def fail_at(monkeypatch: pytest.MonkeyPatch, wrong: Exception, connection_id: int, times: int = 99) -> None:
    """Let every plan that holds a delivery of this connection fail on commit, some times."""
    left = [times]

    def failing(plan: Plan) -> None:
        if left[0] and any(reading.delivery.connection_id == connection_id for reading in plan.readings):
            left[0] -= 1
            raise wrong
        commit(plan)

    monkeypatch.setattr(decide, "commit", failing)


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [DataError("too long"), IntegrityError("twice"), ValueError("bug")])
def test_what_cannot_be_stored_is_taken_out_by_halves(monkeypatch: pytest.MonkeyPatch, wrong: Exception) -> None:
    poisoned, healthy = make_jira(), make_jira()
    monkeypatch.setattr(decide, "pace", Pace())
    for at in range(5):
        make_delivery(poisoned if at == 2 else healthy)
    fail_at(monkeypatch, wrong, poisoned.pk)

    assert decide_pending(now=NOON) == 5

    outcomes = DeliveryOutcome.objects.order_by("delivery_id").values_list("status", flat=True)
    assert list(outcomes) == [DeliveryStatus.DECIDED] * 2 + [DeliveryStatus.ERROR] + [DeliveryStatus.DECIDED] * 2


@pytest.mark.django_db
def test_a_clash_with_another_decider_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    make_delivery(connection)
    fail_at(monkeypatch, IntegrityError("twice"), connection.pk, times=1)

    assert decide_pending(now=NOON) == 1

    assert DeliveryOutcome.objects.get().status == DeliveryStatus.DECIDED


@pytest.mark.django_db
def test_a_database_that_is_not_to_be_had_condemns_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_jira()
    make_delivery(connection)
    fail_at(monkeypatch, OperationalError("gone"), connection.pk, times=1)

    with pytest.raises(OperationalError):
        decide_pending(now=NOON)

    assert PendingDelivery.objects.exists()
    assert decide_pending(now=NOON) == 1


@pytest.mark.django_db
def test_a_poison_delivery_that_somebody_else_settled_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    make_delivery(make_jira())

    def settled(plan: Any) -> None:
        PendingDelivery.objects.all().delete()
        raise ValueError("bug")

    monkeypatch.setattr(decide, "commit", settled)

    assert decide_pending(now=NOON) == 0
    assert not DeliveryOutcome.objects.exists()


@pytest.mark.one_pass
def test_batches_grow_while_they_are_quick_and_shrink_when_they_hold_the_lock_too_long() -> None:
    pace = Pace()
    size = pace.size
    pace.took(TARGET_S / 10, size - 1, 10)
    assert pace.size == size  # that a smaller one is quick says nothing
    pace.took(TARGET_S / 10, size, 10)
    larger = pace.size
    assert larger > size
    pace.took(TARGET_S * 0.9, larger, 10)
    assert pace.size == larger
    for _ in range(20):
        pace.took(TARGET_S * 2, 1, 10)
    assert pace.size == 1
    for _ in range(20):
        pace.took(0, MAX_BATCH, 10)
    assert pace.size == MAX_BATCH
    assert [len(batch) for batch in pace.batches(list(range(250)))] == [100, 100, 50]


def test_a_batch_fits_by_the_rows_it_writes() -> None:
    pace = Pace()
    pace.took(0.001, 1, 0)
    assert pace.fits(1_000_000)  # nothing is known yet
    for _ in range(20):
        pace.took(0.001 + 0.0001 * 10, 1, 10)
    assert pace.fits(int(TARGET_S / 0.0001))
    assert not pace.fits(int(2 * TARGET_S / 0.0001))
    # Twice of what fits: half of them, and no more at once until they prove quick.
    assert pace.shrink(40, int(2 * TARGET_S / 0.0001)) == pace.size == 20


@pytest.mark.django_db
def test_what_fires_is_prepared_hardly_oftener_than_it_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_trigger().listeners.get().connection
    for at in range(120):
        make_delivery(connection, {"change_key": str(at)})
    prepared: list[int] = []

    def prepare(**given: Any) -> Plan:
        prepared.append(len(given["deliveries"]))
        return plan_of(**given)

    monkeypatch.setattr(decide, "prepare", prepare)
    pace = Pace()
    pace.size, pace._per_row_s = MAX_BATCH, 0.00005  # what came before fired nothing
    # Each row takes 50 µs, whatever this machine takes.
    pace.measured = lambda count, rows: _takes(pace, count, rows)  # type: ignore[method-assign]
    monkeypatch.setattr(decide, "pace", pace)
    while decide_pending(now=NOON):
        pass
    assert DeliveryOutcome.objects.count() == 120
    assert sum(prepared) <= 120 * 2


@contextmanager
def _takes(pace: Pace, count: int, rows: int) -> Iterator[None]:
    yield
    pace.took(0.001 + rows * 0.00005, count, rows)


@pytest.mark.django_db
def test_what_would_hold_the_lock_too_long_is_decided_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = make_trigger().listeners.get().connection
    for at in range(5):
        make_delivery(connection, {"change_key": str(at)})
    sizes: list[int] = []

    def counts(plan: Plan) -> None:
        sizes.append(len(plan.readings))
        commit(plan)

    slow = Pace()
    slow.fits = lambda rows: rows < 50  # type: ignore[method-assign]
    monkeypatch.setattr(decide, "pace", slow)
    monkeypatch.setattr(decide, "commit", counts)
    assert decide_pending(now=NOON) == 5
    assert sizes == [2, 2, 1]


@pytest.mark.django_db
def test_nothing_is_parsed_or_judged_while_the_write_lock_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = make_trigger()
    make_delivery(trigger.listeners.get().connection)
    depths: list[int] = []

    def prepare(**given: Any) -> Plan:
        depths.append(len(connection.savepoint_ids))
        return plan_of(**given)

    outside = len(connection.savepoint_ids)
    monkeypatch.setattr(decide, "prepare", prepare)
    decide_pending(now=NOON)

    assert depths == [outside]
