"""The machine against the real code: intake, decide, admission, pause and moves are DCT's, shims the model's.

The model's supervisors stand in for processes; where they take a step, the rows take it: a run keeps its execution
`starting`, whose moves back to `queued`, to `failed` and on to `succeeded` are the ones that a launch makes.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from accounts.actor import Actor
from accounts.enums import Source
from agents.enums import Pool, StartStatus
from agents.models import Limits, SlotHolder, StartRequest
from agents.services import admission
from dct_site.kernel import moves
from tests.factories.triggers import NOON, WrittenOut, make_jira, make_trigger
from tests.model.machine import promises_of
from tests.model.model import Execution as Mirror
from tests.model.model import Model
from tests.model.system import HIGH, TERMINAL, TRIGGERS, Answer, Seen, Status
from tests.model.test_model import DRIVE, NOTICE
from triggers.enums import ExecutionStatus, Outcome
from triggers.models import Decision, Delivery, Execution, PendingDelivery
from triggers.services import matching
from triggers.services.decide.commit import Overtaken, commit
from triggers.services.decide.plan import Plan, prepare
from triggers.services.execution_start import EXECUTION_START
from triggers.services.intake import Incoming, accept
from triggers.services.standing import pause, resume
from triggers.sources import registry

SYSTEM = Actor.system()
WAY_TO_SUCCESS = (ExecutionStatus.RUNNING, ExecutionStatus.VERIFYING, ExecutionStatus.SUCCEEDED)


class Holders(set[int]):
    """The executions that hold slots; who is taken out gives its slots back."""

    def __init__(self, ids: set[int], give_back: Callable[[int], None]) -> None:
        super().__init__(ids)
        self._give_back = give_back

    def discard(self, id_: object) -> None:
        if isinstance(id_, int) and id_ in self:
            self._give_back(id_)
        super().discard(id_)


class Real(Model):
    """Satisfies tests.model.system.System."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = make_jira()
        self._triggers = {
            number: make_trigger(connection=self._connection, priority=9 if level == HIGH else 5)
            for number, level in TRIGGERS.items()
        }
        self._numbers = {trigger.pk: number for number, trigger in self._triggers.items()}
        self._plans: dict[int, Plan] = {}
        Limits.objects.update(
            max_workspaces=100, reserved_percent=50, reserved_from_priority=8, is_paused=False, max_agents=self._limit
        )

    @property
    def _at(self) -> datetime:
        return NOON + timedelta(seconds=self._now)

    # The door and the decider.

    def deliver(self, key: int, change: int) -> bool:
        incoming = Incoming(
            connection_id=self._connection.pk,
            source=self._connection.source,
            delivery_key=str(key),
            body=json.dumps([{"external_id": str(key), "change_key": str(change)}]).encode(),
            received_at=self._at,
        )
        return not accept([incoming])[0].duplicate

    def prepare(self, worker: int) -> None:
        oldest = PendingDelivery.objects.order_by("pk").first()
        if oldest is not None and worker not in self._plans:
            deliveries = list(Delivery.objects.filter(pk=oldest.pk))
            self._plans[worker] = prepare(deliveries=deliveries, now=self._at)

    def commit(self, worker: int) -> None:
        plan = self._plans.pop(worker, None)
        if plan is None:
            return
        try:
            commit(plan)
        except Overtaken:
            return
        self._mirror()

    def crash(self, worker: int) -> None:
        self._plans.pop(worker, None)

    def _mirror(self) -> None:
        """Take executions and slots over from the rows."""
        for row in Execution.objects.exclude(pk__in=self._executions).select_related("event"):
            self._executions[row.pk] = Mirror(self._numbers[row.trigger_id], int(row.event.change_key))
        held = SlotHolder.objects.filter(pool=Pool.AGENTS).values_list("start__subject_id", flat=True)
        self._holders = Holders(set(held), self._release)

    # Admission.

    def look(self, worker: int) -> None:
        """A part of ``admit``."""

    def admit(self, worker: int) -> None:
        before = set(self._holders)
        admission.admit(now=self._at)
        self._mirror()
        for id_ in sorted(self._holders - before):
            self._executions[id_].status = Status.STARTING
            self._executions[id_].epoch += 1
            self._executions[id_].attempts += 1
            self._executions[id_].lease_until = self._now + 10

    def _release(self, id_: int) -> None:
        start = StartRequest.objects.get(subject_id=id_, status=StartStatus.ADMITTED)
        for pool in Pool:
            admission.release(start=start, pool=pool, now=self._at)
        row = Execution.objects.get(pk=id_)
        if row.status == ExecutionStatus.QUEUED:
            admission.request_start(
                kind=EXECUTION_START,
                subject_id=id_,
                priority=row.priority,
                now=self._at,
                refs=row.journal_refs(),
            )

    def _move(self, execution: Mirror, to: Status) -> bool:
        id_ = next(key for key, one in self._executions.items() if one is execution)
        row = Execution.objects.get(pk=id_)
        way = WAY_TO_SUCCESS if to is Status.SUCCEEDED else (ExecutionStatus(to),)
        try:
            if to is not Status.RUNNING:
                for step in way:
                    moves.move(row, step, now=self._at)
        except moves.IllegalMove:
            return False
        execution.status = to
        return True

    def reap(self) -> None:
        super().reap()
        # The model frees the slot before it moves the execution; the rows ask for the next start after both.
        for row in Execution.objects.filter(status=ExecutionStatus.QUEUED):
            admission.request_start(
                kind=EXECUTION_START, subject_id=row.pk, priority=row.priority, now=self._at, refs=row.journal_refs()
            )

    # People.

    def pause(self, trigger: int) -> None:
        pause(trigger=self._triggers[trigger], by=SYSTEM, now=self._at)
        super().pause(trigger)

    def resume(self, trigger: int) -> None:
        resume(trigger=self._triggers[trigger], by=SYSTEM, now=self._at)
        super().resume(trigger)

    def set_limit(self, limit: int) -> None:
        Limits.objects.update(max_agents=limit)
        super().set_limit(limit)

    def cancel(self, execution: int) -> None:
        was = self._executions[execution].status
        super().cancel(execution)
        if was is Status.QUEUED:
            admission.cancel_start(
                start=StartRequest.objects.filter(subject_id=execution).latest("pk"), now=self._at, reason="cancelled"
            )

    def see(self) -> Seen:
        decisions = Decision.objects.values_list("trigger_id", "event__change_key", "outcome")
        rows = dict(Execution.objects.values_list("pk", "status"))
        for id_, one in self._executions.items():
            assert (one.status in TERMINAL) == (rows[id_] in Execution.MOVES.terminal), "model and rows disagree"
        return Seen(
            limit=self._limit,
            deliveries=tuple(int(key or 0) for key in Delivery.objects.values_list("delivery_key", flat=True)),
            undecided=frozenset(
                int(key or 0) for key in PendingDelivery.objects.values_list("delivery__delivery_key", flat=True)
            ),
            decisions={
                (self._numbers[trigger], int(change)): Answer.FIRED if outcome == Outcome.FIRED else Answer.SUPPRESSED
                for trigger, change, outcome in decisions
            },
            executions={id_: (x.trigger, x.event, x.status, x.epoch) for id_, x in self._executions.items()},
            holders=frozenset(self._holders),
            processes=tuple((shim.execution, shim.epoch) for shim in self._shims if shim.live),
            starts=tuple(self._starts),
            writes=tuple(self._writes),
        )


def begin_anew(empty: str) -> None:
    """Take back what a walk wrote. The index would take the generation, which comes again, for the one it knows."""
    transaction.savepoint_rollback(empty)
    matching.forget()


@pytest.mark.django_db
@pytest.mark.unmeasured
def test_the_real_decider_and_admission_hold_the_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())
    empty = transaction.savepoint()

    def make() -> Real:
        begin_anew(empty)
        return Real()

    machine = promises_of(make)
    run_state_machine_as_test(machine, settings=settings(DRIVE, max_examples=12, stateful_step_count=30))


class TooGenerous(Real):
    """Lets one more in than the limit says."""

    def set_limit(self, limit: int) -> None:
        super().set_limit(limit)
        Limits.objects.update(max_agents=limit + 1)


@pytest.mark.django_db
@pytest.mark.unmeasured
def test_the_machine_notices_an_admission_that_is_too_generous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())
    empty = transaction.savepoint()

    def make() -> Real:
        begin_anew(empty)
        return TooGenerous()

    with pytest.raises(AssertionError, match=r"slots are held of|reserved share"):
        run_state_machine_as_test(promises_of(make), settings=settings(NOTICE, max_examples=100))
