"""A clock that ticks when it is told to: a line on standard input is a time, the answer how many schedules it settled.

It ticks until nothing is due any more.
"""

import sys
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def main() -> None:
    django.setup()
    from triggers.models import Schedule  # noqa: PLC0415 - models are there only now
    from triggers.services import clock  # noqa: PLC0415

    clock.BATCH = 3
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        now, done = datetime.fromisoformat(line.strip()), 0
        while Schedule.objects.filter(next_at__lte=now).exists():
            done += clock.fire_due(now=now, batches=1)
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
