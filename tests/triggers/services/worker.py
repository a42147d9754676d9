"""A process for crash tests: Django is loaded once; each pass of launch or settle runs in a fork that may die.

Reads lines ``launch|settle <time> <crash point>`` and answers each with the exit status of the fork (a negative number
is the signal that killed it).
"""

import os
import sys
import traceback
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
django.setup()

from dct_site.kernel.crashpoints import VARIABLE  # noqa: E402
from triggers.services.launch import launch_some  # noqa: E402
from triggers.services.settle import settle_some  # noqa: E402


def run(work: str, now: datetime, place: str) -> None:
    os.environ[VARIABLE] = place
    try:
        if work == "launch":
            launch_some(owner="doomed", now=now)
        else:
            settle_some(now=now)
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
