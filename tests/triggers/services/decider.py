"""A decider that a test may kill: decides what is pending in the database of its environment, then ends."""

import sys
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def main() -> None:
    """``decider.py TIME``: the time that it is told."""
    django.setup()
    from tests.factories.triggers import WrittenOut  # noqa: PLC0415 - models are there only now
    from triggers.services.decide.pending import decide_pending  # noqa: PLC0415
    from triggers.sources import registry  # noqa: PLC0415

    source = WrittenOut()
    registry._entries[source.kind] = source
    while decide_pending(now=datetime.fromisoformat(sys.argv[1])):
        pass


if __name__ == "__main__":
    main()
