"""Named places where a test may kill the process at once, to show that what was begun converges."""

import os
import signal
from pathlib import Path

VARIABLE = "DCT_CRASH_AT"
TRAP = "DCT_CRASH_FILE"
SPRUNG = ".sprung"


def crashpoint(name: str) -> None:
    """Die here as by ``kill -9`` when ``DCT_CRASH_AT`` names this place; never in production.

    ``DCT_CRASH_AT`` may be ``name`` or ``name:N`` (die the Nth time the process comes by). ``DCT_CRASH_FILE`` names a
    file that holds the name of a place: of all the processes that run, the first one to come by dies, and the file is
    called ``….sprung`` from then on.
    """
    wanted, trap = os.environ.get(VARIABLE), os.environ.get(TRAP)
    if not (wanted or trap) or os.environ.get("DCT_ENV") == "production":
        return
    if (wanted and _is_the_time(wanted, name)) or (trap and _springs(Path(trap), name)):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_the_time(wanted: str, name: str) -> bool:
    place, _, count = wanted.partition(":")
    if place != name:
        return False
    _passed[name] = _passed.get(name, 0) + 1
    return _passed[name] >= int(count or 1)


def _springs(trap: Path, name: str) -> bool:
    try:
        if trap.read_text() != name:
            return False
        trap.rename(f"{trap}{SPRUNG}")
    except OSError:
        return False  # nothing is set, or somebody else walked into it
    return True


_passed: dict[str, int] = {}
