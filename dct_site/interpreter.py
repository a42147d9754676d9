"""What a process that others wait for asks of Python: short turns between threads, and no long garbage collections."""

import gc
import resource
import sys

SWITCH_INTERVAL_S = 0.0001
"""With a CPU-bound thread beside it the door answered 80 of 1,000 requests at Python's own interval; at this one,
all.
"""


def take_short_turns() -> None:
    """Let no thread keep the others waiting for longer than SWITCH_INTERVAL_S."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def take_all_descriptors() -> None:
    """Open as many connections as the system allows: many a shell's 1,024 are used up by as many slow clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def leave_out_what_stays() -> None:
    """Keep everything that is there now out of later collections. Call it when the process is ready.

    A full collection looks at every object of Django's and the project's: it took 80 ms of CPU, in the engine often
    with the write lock held, which put the door's p99 at 104 ms where it was 23 without.
    """
    gc.collect()
    gc.freeze()
