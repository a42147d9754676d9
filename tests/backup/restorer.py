"""``./dct restore`` and then the doctor's invariants, in one process that knows the tests' source of events."""

import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main(words: list[str]) -> int:
    django.setup()
    from dct_site.command.__main__ import main as command  # noqa: PLC0415 - models are there only now
    from tests.factories.triggers import WrittenOut  # noqa: PLC0415
    from triggers.sources import registry  # noqa: PLC0415

    source = WrittenOut()
    registry._entries[source.kind] = source
    return command(["restore", *words]) or command(["doctor", "--invariants"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
