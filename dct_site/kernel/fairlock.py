"""A fair lock with two classes: the door goes first, and within a class the first come is the first served.

SQLite lets one writer in at a time and makes the others guess when to ask again; inside one process this lock hands the
turn over in order instead, so that the door never waits behind more than one transaction of the engine's threads.
"""

import enum
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

DOOR_TURNS_IN_A_ROW = 32


class Turn(enum.IntEnum):
    """The classes, the more urgent first."""

    DOOR = 0
    WORK = 1


class Held:
    """A turn that is held. ``release`` may be called from any thread, once or more often."""

    def __init__(self, turns: "FairTurns") -> None:
        self._turns = turns
        self._is_held = True
        self._guard = threading.Lock()

    def release(self) -> None:
        with self._guard:
            was_held, self._is_held = self._is_held, False
        if was_held:
            self._turns._next()


class FairTurns:
    """Hands one turn at a time to waiting threads. Not re-entrant: a thread that holds the turn must not ask again.

    After 32 turns of the door in a row one piece of waiting work goes first: several doors could shut it out for ever.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._door_turns = 0
        self._waiting: dict[Turn, deque[threading.Event]] = {turn: deque() for turn in Turn}

    def waiting(self, turn: Turn) -> int:
        """How many wait in a class."""
        return len(self._waiting[turn])

    def take(self, turn: Turn) -> Held:
        """Wait for the turn and hold it."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                self._count(turn)
                return Held(self)
            ticket = threading.Event()
            self._waiting[turn].append(ticket)
        ticket.wait()
        return Held(self)

    @contextmanager
    def held(self, turn: Turn) -> Iterator[None]:
        """Hold the turn for a block."""
        handle = self.take(turn)
        try:
            yield
        finally:
            handle.release()

    def _next(self) -> None:
        with self._guard:
            is_work_due = self._door_turns >= DOOR_TURNS_IN_A_ROW
            for turn in sorted(Turn, reverse=is_work_due):
                if self._waiting[turn]:
                    self._count(turn)
                    # Handed over, not freed: a thread that comes by right now must not slip in.
                    self._waiting[turn].popleft().set()
                    return
            self._is_taken = False

    def _count(self, turn: Turn) -> None:
        self._door_turns = self._door_turns + 1 if turn is Turn.DOOR else 0


turns = FairTurns()
"""The turns of this process's writers."""

write_turn = turns.held
