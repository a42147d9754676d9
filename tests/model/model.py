"""The design of decide, admit, lease and shim in plain Python, small enough to be read at one sitting."""

from dataclasses import dataclass, field
from enum import StrEnum

from tests.model.system import (
    ATTEMPTS,
    HIGH,
    LEASE_SECONDS,
    MARGIN_SECONDS,
    TERMINAL,
    TRIGGERS,
    Answer,
    Seen,
    Status,
    reserved,
)


class Guard(StrEnum):
    """What the design rests on; each can be taken out to see that the machine notices."""

    DELIVERY_KEY = "one row for one delivery key"
    FIRING_KEY = "one firing for one trigger and event"
    CLAIM_BY_STATE = "a delivery is undecided until its decision commits"
    LIMIT_UNDER_LOCK = "slots are counted under the lock"
    RESERVED_SHARE = "the low class leaves the reserved slots"
    PAUSE_FENCE = "the move to running looks at the pause"
    TERMINAL_FINAL = "no move leaves a terminal status"
    EPOCH = "a write carries the current epoch"
    SHIM_LEASE = "the shim kills when its own clock sees no renewal"
    ABSOLUTE_RENEWAL = "the shim is told until when, not for how long"


@dataclass
class Execution:
    trigger: int
    event: int
    status: Status = Status.QUEUED
    epoch: int = 0
    attempts: int = 0
    lease_until: int | None = None


@dataclass
class Shim:
    """A started shim; `live` once it got its go. `deadline` is on the machine's monotonic clock."""

    execution: int
    epoch: int
    deadline: int
    live: bool = False


@dataclass
class Supervisor:
    """What a supervisor has in memory: its runs as (execution, epoch), and until when it last renewed each row."""

    runs: dict[tuple[int, int], Shim] = field(default_factory=dict)
    renewed_until: dict[tuple[int, int], int] = field(default_factory=dict)
    frozen: bool = False


class Model:
    """Satisfies tests.model.system.System."""

    def __init__(self, without: frozenset[Guard] = frozenset(), limit: int = 2) -> None:
        self._without = without
        self._limit = limit
        self._now = 0
        self._deliveries: list[tuple[int, int]] = []
        self._undecided: set[int] = set()
        self._decisions: dict[tuple[int, int], Answer] = {}
        self._executions: dict[int, Execution] = {}
        self._holders: set[int] = set()
        self._paused: set[int] = set()
        self._shims: list[Shim] = []
        self._starts: list[int] = []
        self._writes: list[tuple[int, int]] = []
        self._prepared: dict[int, int] = {}
        self._looked: dict[int, int] = {}
        self._supervisors: dict[int, Supervisor] = {}

    def _has(self, guard: Guard) -> bool:
        return guard not in self._without

    # The door and the decider. A delivery is known by its place in the list.

    def deliver(self, key: int, change: int) -> bool:
        if self._has(Guard.DELIVERY_KEY) and any(known == key for known, _ in self._deliveries):
            return False
        self._undecided.add(len(self._deliveries))
        self._deliveries.append((key, change))
        return True

    def prepare(self, worker: int) -> None:
        if self._undecided and worker not in self._prepared:
            self._prepared[worker] = min(self._undecided)
            if not self._has(Guard.CLAIM_BY_STATE):
                self._undecided.discard(self._prepared[worker])

    def commit(self, worker: int) -> None:
        row = self._prepared.pop(worker, None)
        if row is None or (self._has(Guard.CLAIM_BY_STATE) and row not in self._undecided):
            return
        self._undecided.discard(row)
        event = self._deliveries[row][1]
        for trigger in TRIGGERS:
            self._decide(trigger, event)

    def _decide(self, trigger: int, event: int) -> None:
        if self._has(Guard.FIRING_KEY) and (trigger, event) in self._decisions:
            return
        fired = trigger not in self._paused
        self._decisions[trigger, event] = Answer.FIRED if fired else Answer.SUPPRESSED
        if fired:
            self._executions[len(self._executions)] = Execution(trigger, event)

    def crash(self, worker: int) -> None:
        self._prepared.pop(worker, None)
        self._looked.pop(worker, None)

    # Admission.

    def look(self, worker: int) -> None:
        self._looked[worker] = self._limit - len(self._holders)

    def admit(self, worker: int) -> None:
        free = self._looked.pop(worker, 0)
        for id_ in self._ready():
            if self._has(Guard.LIMIT_UNDER_LOCK):
                free = self._limit - len(self._holders)
            if free > 0 and self._may_take(self._executions[id_]):
                self._give_slot(id_)
                free -= 1

    def _ready(self) -> list[int]:
        """Queued executions of triggers that are not paused, the high class first, then in order of arrival."""
        queued = [
            id_
            for id_, execution in self._executions.items()
            if execution.status is Status.QUEUED and id_ not in self._holders and execution.trigger not in self._paused
        ]
        return sorted(queued, key=lambda id_: (-TRIGGERS[self._executions[id_].trigger], id_))

    def _may_take(self, execution: Execution) -> bool:
        if TRIGGERS[execution.trigger] == HIGH or not self._has(Guard.RESERVED_SHARE):
            return True
        low = sum(TRIGGERS[self._executions[id_].trigger] != HIGH for id_ in self._holders)
        return low < self._limit - reserved(self._limit)

    def _give_slot(self, id_: int) -> None:
        execution = self._executions[id_]
        self._move(execution, Status.STARTING)
        execution.epoch += 1
        execution.attempts += 1
        execution.lease_until = self._now + LEASE_SECONDS
        self._holders.add(id_)

    def _move(self, execution: Execution, to: Status) -> bool:
        if self._has(Guard.TERMINAL_FINAL) and execution.status in TERMINAL:
            return False
        execution.status = to
        return True

    # Supervisors and their shims.

    def _awake(self, number: int) -> Supervisor | None:
        supervisor = self._supervisors.setdefault(number, Supervisor())
        return None if supervisor.frozen else supervisor

    def start(self, supervisor: int) -> None:
        awake = self._awake(supervisor)
        starting = [id_ for id_, one in self._executions.items() if one.status is Status.STARTING]
        if awake is None or not starting:
            return
        id_ = starting[0]
        execution = self._executions[id_]
        if self._has(Guard.PAUSE_FENCE) and execution.trigger in self._paused:
            self._give_back(id_)
            return
        self._move(execution, Status.RUNNING)
        execution.lease_until = self._now + LEASE_SECONDS
        shim = Shim(id_, execution.epoch, execution.lease_until - MARGIN_SECONDS)
        self._shims.append(shim)
        awake.runs[id_, execution.epoch] = shim
        self._starts.append(id_)

    def _give_back(self, id_: int) -> None:
        """Nothing ran: the slot is free, the attempt does not count, and no late start can use its epoch."""
        execution = self._executions[id_]
        self._move(execution, Status.QUEUED)
        execution.epoch += 1
        execution.attempts -= 1
        execution.lease_until = None
        self._holders.discard(id_)

    def go(self, supervisor: int) -> None:
        for shim in self._runs(supervisor).values():
            # A shim that died in between reads no go.
            shim.live = shim in self._shims

    def _runs(self, supervisor: int) -> dict[tuple[int, int], Shim]:
        awake = self._awake(supervisor)
        return {} if awake is None else awake.runs

    def _is_current(self, id_: int, epoch: int) -> bool:
        return not self._has(Guard.EPOCH) or self._executions[id_].epoch == epoch

    def renew_row(self, supervisor: int) -> None:
        for id_, epoch in self._runs(supervisor):
            if self._is_current(id_, epoch):
                until = self._now + LEASE_SECONDS
                self._executions[id_].lease_until = until
                self._supervisors[supervisor].renewed_until[id_, epoch] = until

    def renew_shim(self, supervisor: int) -> None:
        for run, shim in self._runs(supervisor).items():
            until = self._supervisors[supervisor].renewed_until.pop(run, None)
            if until is not None:
                told = until if self._has(Guard.ABSOLUTE_RENEWAL) else self._now + LEASE_SECONDS
                shim.deadline = max(shim.deadline, told - MARGIN_SECONDS)

    def write(self, supervisor: int) -> None:
        runs = self._runs(supervisor)
        for id_, epoch in list(runs):
            if self._is_current(id_, epoch):
                self._writes.append((id_, epoch))
            else:
                self._end(runs.pop((id_, epoch)))

    def finish(self, supervisor: int) -> None:
        runs = self._runs(supervisor)
        if not runs:
            return
        id_, epoch = next(iter(runs))
        self._end(runs.pop((id_, epoch)))
        if self._is_current(id_, epoch):
            self._move(self._executions[id_], Status.SUCCEEDED)
            self._executions[id_].lease_until = None
            self._holders.discard(id_)

    def _end(self, shim: Shim) -> None:
        self._shims = [one for one in self._shims if one is not shim]

    def freeze(self, supervisor: int) -> None:
        self._supervisors.setdefault(supervisor, Supervisor()).frozen = True

    def thaw(self, supervisor: int) -> None:
        self._supervisors.setdefault(supervisor, Supervisor()).frozen = False

    def kill(self, supervisor: int) -> None:
        gone = self._supervisors.pop(supervisor, Supervisor())
        for shim in gone.runs.values():
            self._end(shim)  # Its control pipe ended.

    # Time, and people.

    def tick(self, seconds: int) -> None:
        self._now += seconds
        if self._has(Guard.SHIM_LEASE):
            self._shims = [shim for shim in self._shims if shim.deadline > self._now]

    def reap(self) -> None:
        for id_ in sorted(self._holders):
            execution = self._executions[id_]
            if execution.lease_until is not None and execution.lease_until <= self._now:
                execution.epoch += 1
                execution.lease_until = None
                self._holders.discard(id_)
                if execution.status not in TERMINAL:
                    self._move(execution, Status.FAILED if execution.attempts >= ATTEMPTS else Status.QUEUED)

    def pause(self, trigger: int) -> None:
        self._paused.add(trigger)

    def resume(self, trigger: int) -> None:
        self._paused.discard(trigger)

    def set_limit(self, limit: int) -> None:
        self._limit = limit

    def cancel(self, execution: int) -> None:
        # The slot stays held until the supervisor or the reaper knows that no process lives.
        self._move(self._executions[execution], Status.CANCELLED)

    def see(self) -> Seen:
        return Seen(
            limit=self._limit,
            deliveries=tuple(key for key, _ in self._deliveries),
            undecided=frozenset(self._deliveries[row][0] for row in self._undecided),
            decisions=dict(self._decisions),
            executions={id_: (x.trigger, x.event, x.status, x.epoch) for id_, x in self._executions.items()},
            holders=frozenset(self._holders),
            processes=tuple((shim.execution, shim.epoch) for shim in self._shims if shim.live),
            starts=tuple(self._starts),
            writes=tuple(self._writes),
        )
