"""The child process for back-tests: a line in, a line out. It ends with its input, or after a while without any."""

import os
import sys
from select import select

import django

NICENESS = 10
IDLE_S = 60.0
SLICE_S = 1.0
"""How long it works before it says how far it is."""


def main() -> int:
    """Answer until the input ends."""
    os.nice(NICENESS)
    # Answers have a descriptor of their own: whatever prints goes to the log.
    out = os.dup(1)
    os.dup2(2, 1)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    from django.db import close_old_connections  # noqa: PLC0415 - models are there only now

    from triggers.services.backtest.wire import answer  # noqa: PLC0415

    while select([sys.stdin], [], [], IDLE_S)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            break
        close_old_connections()
        told = memoryview(answer(line, for_s=SLICE_S))
        while told:
            told = told[os.write(out, told) :]
    return 0


if __name__ == "__main__":
    sys.exit(main())
