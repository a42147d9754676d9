"""A poller that a test may kill: polls what is due in the database of its environment once, then ends."""

import sys
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def main() -> None:
    """``poller.py TIME``: the time that it is told."""
    django.setup()
    from triggers.services.poll import poll_due, polls  # noqa: PLC0415 - models are there only now

    now = datetime.fromisoformat(sys.argv[1])
    poll_due(owner="doomed", now=now)
    while polls.is_busy():
        poll_due(owner="doomed", now=now)


if __name__ == "__main__":
    main()
