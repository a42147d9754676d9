"""The times by which a supervisor lives, in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """A run dies ``margin`` before a lease that nobody renewed is over; ``renew`` leaves several tries within one.

    ``flush`` and ``flush_bytes`` bound how long and how much output is kept from the database; above ``hold_bytes``
    a run's program waits. ``grace`` is what a stopped program gets to end by itself, ``shutdown`` when DCT ends.
    """

    lease: float = 15.0
    margin: float = 3.0
    renew: float = 3.0
    flush: float = 0.1
    flush_bytes: int = 64 * 1024
    hold_bytes: int = 1024 * 1024
    sweep: float = 0.5
    reap: float = 1.0
    grace: float = 5.0
    shutdown: float = 5.0
