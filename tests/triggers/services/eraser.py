"""A program that works erasures off, at the time that it is told, until nothing is left or it is killed."""

import sys
from datetime import datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def main() -> None:
    django.setup()
    from triggers.services.keeping.erase_work import erase_some  # noqa: PLC0415 - models are there only now

    while erase_some(now=datetime.fromisoformat(sys.argv[1])):
        pass


if __name__ == "__main__":
    main()
