"""What must always be so, as queries: asked by health, by `./dct doctor --invariants` and after a test broke things.

Each finds the rows that break it. What is under way for a moment does not count: a rule about work says how long that
may last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.enums import AGENT_MOVES, AgentStatus, Pool, RunStatus, StartStatus
from agents.models import Agent, AgentRun, Limits, Reservation, SlotHolder, StartRequest
from triggers.enums import ExecutionStatus, WatchStatus
from triggers.models import Delivery, DeliveryOutcome, Execution, Firing, PendingDelivery, Schedule, Watch
from workspaces import files
from workspaces.enums import WorkspaceStatus
from workspaces.models import Workspace

UNCLAIMED_AFTER = timedelta(seconds=10)
"""Work that is ready and that nobody has taken."""
LEFT_AFTER = timedelta(seconds=60)
"""What somebody who died left behind: leases, and the slots of what has ended."""
NAMED = 5
_EXECUTION = "execution"
_AT_WORK = (
    ExecutionStatus.STARTING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.VERIFYING,
    ExecutionStatus.NEEDS_ATTENTION,
)
_ALIVE = (RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING)
_WITH_A_RUN = (AgentStatus.STARTING, AgentStatus.RUNNING, AgentStatus.STOPPING)
_OPEN_STARTS = (StartStatus.WAITING, StartStatus.PARKED, StartStatus.ADMITTED)

Rows = Callable[[datetime], "QuerySet[Any]"]


@dataclass(frozen=True)
class Invariant:
    """``words`` say what is wrong with the rows that are found (their number stands before); ``topic`` is the page of
    those who look. A quick one looks at few rows, whatever the queue and the history hold.
    """

    code: str
    words: str
    advice: str
    topic: str
    rows: Rows
    is_quick: bool = True


@dataclass(frozen=True)
class Broken:
    """An invariant that does not hold: how many rows break it, and the ids of some."""

    invariant: Invariant
    count: int
    ids: tuple[int, ...]

    @property
    def text(self) -> str:
        named = ", ".join(map(str, self.ids)) + (", …" if self.count > len(self.ids) else "")
        return f"{self.count} {self.invariant.words} ({named})."


def broken(*, now: datetime) -> list[Broken]:
    """Every invariant that does not hold."""
    found = [_broken(one, one.rows(now)) for one in INVARIANTS]
    return [one for one in (*found, _missing_directories()) if one.count]


def broken_quickly(*, now: datetime) -> list[Broken]:
    """The quick ones that do not hold; where all do, that is one question to the database."""
    quick = {one.code: one for one in INVARIANTS if one.is_quick}
    asked = {code: Exists(one.rows(now)) for code, one in quick.items()}
    told = Limits.objects.filter(pk=1).values(**asked).get()
    return [_broken(quick[code], quick[code].rows(now)) for code, is_broken in told.items() if is_broken]


def _broken(one: Invariant, rows: "QuerySet[Any]") -> Broken:
    ordered = rows.order_by("pk").values_list("pk", flat=True)
    return Broken(one, rows.order_by().count(), tuple(ordered[:NAMED]))


def _missing_directories() -> Broken:
    """Looks at the disk, so it is no query."""
    rows = Workspace.objects.filter(status__in=(WorkspaceStatus.DRAFT, WorkspaceStatus.ACTIVE)).order_by("pk")
    missing = [row.pk for row in rows.only("pk", "directory").iterator() if not files.root_of(row).is_dir()]
    return Broken(MISSING_DIRECTORY, len(missing), tuple(missing[:NAMED]))


def _undecided(now: datetime) -> "QuerySet[Any]":
    return PendingDelivery.objects.filter(delivery__received_at__lt=now - UNCLAIMED_AFTER)


def _overdue(now: datetime) -> "QuerySet[Any]":
    return Watch.objects.filter(status=WatchStatus.ARMED, due_at__lt=now - UNCLAIMED_AFTER)


def _unheard(now: datetime) -> "QuerySet[Any]":
    return Schedule.objects.filter(next_at__lt=now - UNCLAIMED_AFTER)


def _nobodys_deliveries(_: datetime) -> "QuerySet[Any]":
    waits = PendingDelivery.objects.filter(delivery=OuterRef("pk"))
    decided = DeliveryOutcome.objects.filter(delivery=OuterRef("pk"))
    return Delivery.objects.filter(~Exists(waits), ~Exists(decided), rejection="")


def _answered_twice(_: datetime) -> "QuerySet[Any]":
    both = DeliveryOutcome.objects.filter(delivery=OuterRef("pk"))
    return PendingDelivery.objects.filter(Exists(both))


def _ran_twice(_: datetime) -> "QuerySet[Any]":
    again = Execution.objects.filter(trigger=OuterRef("trigger"), event=OuterRef("event"), pk__lt=OuterRef("pk"))
    return Execution.objects.filter(Exists(again))


def _not_fired(_: datetime) -> "QuerySet[Any]":
    return Execution.objects.filter(~Exists(Firing.objects.filter(execution=OuterRef("pk"))))


def _queued_for_nothing(_: datetime) -> "QuerySet[Any]":
    asked = StartRequest.objects.filter(kind=_EXECUTION, subject_id=OuterRef("pk"), status__in=_OPEN_STARTS)
    return Execution.objects.filter(~Exists(asked), status=ExecutionStatus.QUEUED)


def _not_launched(now: datetime) -> "QuerySet[Any]":
    nobodys = Q(lease_until=None, start__admitted_at__lt=now - UNCLAIMED_AFTER)
    return Execution.objects.filter(nobodys | Q(lease_until__lt=now - UNCLAIMED_AFTER), status=ExecutionStatus.STARTING)


def _without_end(now: datetime) -> "QuerySet[Any]":
    overdue = Q(deadline_at__lt=now - UNCLAIMED_AFTER) | Q(deadline_at=None)
    return Execution.objects.filter(overdue, status__in=_AT_WORK)


def _dead_epochs(now: datetime) -> "QuerySet[Any]":
    ended = Q(agent__status__in=AGENT_MOVES.terminal)
    return AgentRun.objects.filter(Q(lease_until__lt=now - UNCLAIMED_AFTER) | ended, status__in=_ALIVE)


def _without_a_run(_: datetime) -> "QuerySet[Any]":
    alive = AgentRun.objects.filter(agent=OuterRef("pk"), status__in=_ALIVE)
    return Agent.objects.filter(~Exists(alive), status__in=_WITH_A_RUN)


def _not_started(now: datetime) -> "QuerySet[Any]":
    slot = SlotHolder.objects.filter(start=OuterRef("start"), pool=Pool.AGENTS, taken_at__lt=now - UNCLAIMED_AFTER)
    due = Q(not_before=None) | Q(not_before__lt=now - UNCLAIMED_AFTER)
    return Agent.objects.filter(due, Exists(slot), status=AgentStatus.PENDING)


def _orphan_slots(now: datetime) -> "QuerySet[Any]":
    ended = Execution.objects.filter(
        start=OuterRef("start"), status__in=Execution.MOVES.terminal, ended_at__lt=now - LEFT_AFTER
    )
    working = Agent.objects.filter(start=OuterRef("start")).exclude(status__in=AGENT_MOVES.terminal)
    return SlotHolder.objects.filter(~Q(start__status=StartStatus.ADMITTED) | Q(Exists(ended) & ~Exists(working)))


def _admitted_without_a_slot(now: datetime) -> "QuerySet[Any]":
    held = SlotHolder.objects.filter(start=OuterRef("pk"))
    ended = Execution.objects.filter(
        start=OuterRef("pk"), status__in=Execution.MOVES.terminal, ended_at__lt=now - LEFT_AFTER
    )
    admitted = StartRequest.objects.filter(~Exists(held), status=StartStatus.ADMITTED)
    # What was given to an agent at work asked for none, and is admitted until it ends.
    return admitted.filter(Q(agents__gt=0) | Q(workspaces__gt=0) | Q(Exists(ended)))


def _orphan_reservations(_: datetime) -> "QuerySet[Any]":
    return Reservation.objects.exclude(start__status=StartStatus.ADMITTED)


def _beside_another_in_turn(_: datetime) -> "QuerySet[Any]":
    admitted = StartRequest.objects.filter(status=StartStatus.ADMITTED, is_in_turn=True)
    same = {name: OuterRef(name) for name in ("kind", "concurrency_key", "item_key")}
    return admitted.filter(Exists(admitted.filter(**same, subject_id__lt=OuterRef("subject_id"))))


def _nothing(_: datetime) -> "QuerySet[Any]":
    return Workspace.objects.none()


_ENGINE = "Look whether the engine runs and the database answers."
_REPORT = "This should never be: please report it with what the log says."

MISSING_DIRECTORY = Invariant(
    "missing_directory", "workspaces have no directory", "Put it back from a backup, or archive them.", "workspaces",
    _nothing, is_quick=False,
)  # fmt: skip
INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "overdue_watch", f"armed watches have been due for longer than {UNCLAIMED_AFTER.seconds} s",
        "Look whether the clock runs and the database answers.", "status", _overdue,
    ),
    Invariant(
        "overdue_schedule", f"schedules have been due for longer than {UNCLAIMED_AFTER.seconds} s",
        "Look whether the clock runs and the database answers.", "status", _unheard,
    ),
    Invariant(
        "undecided", f"deliveries wait for longer than {UNCLAIMED_AFTER.seconds} s to be decided", _ENGINE,
        "deliveries", _undecided,
    ),
    Invariant(
        "nobodys_delivery", "accepted deliveries neither wait nor have an outcome", _REPORT, "deliveries",
        _nobodys_deliveries, is_quick=False,
    ),
    Invariant(
        "answered_twice", "deliveries wait though they have an outcome", _REPORT, "deliveries", _answered_twice,
        is_quick=False,
    ),
    Invariant(
        "ran_twice", "executions repeat another of the same trigger and event", _REPORT, "executions", _ran_twice,
        is_quick=False,
    ),
    Invariant("not_fired", "executions came of no firing", _REPORT, "executions", _not_fired, is_quick=False),
    Invariant(
        "queued_for_nothing", "queued executions ask for no start", _REPORT, "executions", _queued_for_nothing,
        is_quick=False,
    ),
    Invariant("not_launched", "admitted executions are launched by nobody", _ENGINE, "executions", _not_launched),
    Invariant("without_end", "executions are at work beyond their deadline", _ENGINE, "executions", _without_end),
    Invariant("dead_epoch", "runs live though their lease, or their agent, has ended", _ENGINE, "agents", _dead_epochs),
    Invariant("without_a_run", "agents at work have no run", _REPORT, "agents", _without_a_run, is_quick=False),
    Invariant("not_started", "agents with a slot are started by nobody", _ENGINE, "agents", _not_started),
    Invariant("orphan_slot", "slots are held for what has ended", _REPORT, "limits", _orphan_slots),
    Invariant("no_slot", "admitted starts hold no slot", _REPORT, "limits", _admitted_without_a_slot, is_quick=False),
    Invariant(
        "orphan_reservation", "parts of budgets are reserved for what has ended", _REPORT, "triggers",
        _orphan_reservations,
    ),
    Invariant(
        "two_in_turn", "admitted starts run beside another one that they should come after", _REPORT, "limits",
        _beside_another_in_turn, is_quick=False,
    ),
)  # fmt: skip
