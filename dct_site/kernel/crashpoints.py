"""Named places where a test may kill the process at once, to show that what was begun converges."""

import os
import signal

VARIABLE = "DCT_CRASH_AT"


def crashpoint(name: str) -> None:
    """Die here as by ``kill -9`` when ``DCT_CRASH_AT`` names this place; never in production.

    ``DCT_CRASH_AT`` may be ``name`` or ``name:N`` (die the Nth time the process comes by).
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted or os.environ.get("DCT_ENV") == "production":
        return
    place, _, count = wanted.partition(":")
    if place != name:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] >= int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_passed: dict[str, int] = {}
