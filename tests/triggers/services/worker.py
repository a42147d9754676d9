"""A process for crash tests: Django is loaded once; each pass of some work runs in a fork that may die.

Reads lines ``launch|settle|elapse|fire|decide <time> <crash point>`` and answers each with the exit status of the fork
(a negative number is the signal that killed it).
"""

import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
django.setup()

from dct_site.kernel.crashpoints import VARIABLE  # noqa: E402
from tests.factories.triggers import WrittenOut  # noqa: E402
from triggers.services.clock import fire_due  # noqa: E402
from triggers.services.decide.pending import decide_pending  # noqa: E402
from triggers.services.launch.admitted import launch_some  # noqa: E402
from triggers.services.settle.working import settle_some  # noqa: E402
from triggers.services.watches import elapse_due  # noqa: E402
from triggers.sources import registry  # noqa: E402

WORK: dict[str, Callable[[datetime], int]] = {
    "launch": lambda now: launch_some(owner="doomed", now=now),
    "settle": lambda now: settle_some(now=now),
    "elapse": lambda now: elapse_due(now=now),
    "fire": lambda now: fire_due(now=now),
    "decide": lambda now: decide_pending(now=now),
}
registry._entries[WrittenOut.kind] = WrittenOut()


def run(work: str, now: datetime, place: str) -> None:
    os.environ[VARIABLE] = place
    # Standard output is for the answers alone.
    os.dup2(2, 1)
    try:
        WORK[work](now)
    except BaseException:  # noqa: BLE001 - told on stderr; the fork never returns to the loop
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


for line in sys.stdin:
    work, moment, place = line.split()
    child = os.fork()
    if not child:
        run(work, datetime.fromisoformat(moment), place)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
    sys.stdout.flush()
