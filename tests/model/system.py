"""What the state machine needs of a system that decides, admits and supervises: its operations and what can be seen.

The executable model is one such system; the real services are driven through the same protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

LEASE_SECONDS = 10
MARGIN_SECONDS = 3
ATTEMPTS = 3
RESERVED_SHARE = 0.5

LOW, HIGH = 0, 1
# A low and a high trigger and a second low one, by number.
TRIGGERS = {0: LOW, 1: HIGH, 2: LOW}


class Status(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


class Answer(StrEnum):
    FIRED = "fired"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True)
class Seen:
    """Everything that the invariants look at, at one instant.

    `executions` maps an id to (trigger, event, status, epoch). `holders` are the ids that hold a slot. `processes` are
    (execution, epoch) of live agent processes, one entry each. `starts` and `writes` are append-only: the execution of
    each fenced move to running, and (execution, epoch) of each message that landed.
    """

    limit: int
    deliveries: tuple[int, ...]
    undecided: frozenset[int]
    decisions: Mapping[tuple[int, int], Answer]
    executions: Mapping[int, tuple[int, int, Status, int]]
    holders: frozenset[int]
    processes: tuple[tuple[int, int], ...]
    starts: tuple[int, ...]
    writes: tuple[tuple[int, int], ...]


class System(Protocol):
    """Deciders and admitters are numbered workers, supervisors are numbered too. An operation with nothing to do, or by
    a frozen supervisor, does nothing. A worker's two steps are what a crash or another worker can come between."""

    def deliver(self, key: int, change: int) -> bool:
        """Hand in a delivery that reports `change` and wait for the acknowledgement; False says duplicate."""

    def prepare(self, worker: int) -> None:
        """Decide, outside the transaction: take the oldest undecided delivery in hand."""

    def commit(self, worker: int) -> None:
        """Decide, inside: decisions, firings and executions of what is in hand."""

    def look(self, worker: int) -> None:
        """Admit, without the lock: see what could start."""

    def admit(self, worker: int) -> None:
        """Admit, under the lock: give slots."""

    def crash(self, worker: int) -> None:
        """Lose what the worker has in hand."""

    def start(self, supervisor: int) -> None:
        """Spawn a shim for the oldest admitted execution and make the fenced move to running."""

    def go(self, supervisor: int) -> None:
        """Give the waiting shims of this supervisor their go: the agent processes exist from here."""

    def renew_row(self, supervisor: int) -> None:
        """Renew the leases of this supervisor's runs in the database."""

    def renew_shim(self, supervisor: int) -> None:
        """Tell its shims about the last renewal in the database."""

    def write(self, supervisor: int) -> None:
        """Store a message of every run that this supervisor believes to have."""

    def finish(self, supervisor: int) -> None:
        """Settle the oldest run that this supervisor believes to have as succeeded, and end its process."""

    def freeze(self, supervisor: int) -> None:
        """SIGSTOP."""

    def thaw(self, supervisor: int) -> None:
        """SIGCONT."""

    def kill(self, supervisor: int) -> None:
        """SIGKILL, and a fresh supervisor of the same number."""

    def reap(self) -> None:
        """Take back the runs whose lease in the database is over."""

    def tick(self, seconds: int) -> None:
        """Let time pass; shims look at their own clocks."""

    def pause(self, trigger: int) -> None:
        """Pause and wait for the acknowledgement."""

    def resume(self, trigger: int) -> None:
        """Undo a pause."""

    def set_limit(self, limit: int) -> None:
        """Change the number of slots; 0 admits nothing."""

    def cancel(self, execution: int) -> None:
        """Cancel an execution by a person's wish."""

    def see(self) -> Seen:
        """The state of everything."""


def reserved(limit: int) -> int:
    """Slots that only the high class may take (decisions, 16)."""
    return min(int(limit * RESERVED_SHARE), max(limit - 1, 0))
