"""A leash from the parent to its children: when the parent dies, however it dies, the children end too.

The children inherit the reading end of a pipe whose only writing end is the parent's. (``PR_SET_PDEATHSIG`` would
fire when the spawning thread ends, and is Linux's alone.)
"""

import os
import signal
import threading

VARIABLE = "DCT_LEASH_FD"
HARD_AFTER_S = 12.0


def tie() -> tuple[int, int]:
    """A pipe for a parent: the reading end to hand down, the writing end to keep open."""
    return os.pipe()


def follow() -> None:
    """In a child: end like on SIGTERM when the parent is gone, and for certain ``HARD_AFTER_S`` later."""
    text = os.environ.pop(VARIABLE, "")
    if text:
        threading.Thread(target=_wait, args=(int(text),), name="dct-leash", daemon=True).start()


def _wait(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    timer = threading.Timer(HARD_AFTER_S, os._exit, args=(1,))
    timer.daemon = True
    timer.start()
    os.kill(os.getpid(), signal.SIGTERM)
