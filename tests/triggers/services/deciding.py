"""A decider that decides when it is told to: a line on standard input is a time, the answer `decided N`.

``deciding.py``: whoever is told decides, whether or not somebody else has the turn. ``MERGE_FROM`` in the environment
is how many changes it merges from.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


@contextmanager
def everybodys_turn() -> Iterator[bool]:
    yield True


def main() -> None:
    django.setup()
    from tests.factories.triggers import WrittenOut  # noqa: PLC0415 - models are there only now
    from triggers.matching import live  # noqa: PLC0415
    from triggers.services.decide import pending as decide  # noqa: PLC0415
    from triggers.sources import registry  # noqa: PLC0415

    source = WrittenOut()
    registry._entries[source.kind] = source
    setattr(decide, "turn", everybodys_turn)  # noqa: B010 - not a name that it offers
    live.MERGE_FROM = int(os.environ.get("MERGE_FROM", live.MERGE_FROM))
    for line in sys.stdin:
        told = decide.decide_pending(now=datetime.fromisoformat(line.strip()))
        sys.stdout.write(f"decided {told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
