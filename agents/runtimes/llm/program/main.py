"""The entry: ``python -I main.py``, with the task as one JSON object on standard input, which then ends."""

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).resolve().parents[4]


def without_django() -> None:
    """Make DCT's modules importable; packages whose own ``__init__`` brings Django stay empty here."""
    sys.path.append(str(PROJECT))
    for name in ("agents.runtimes", "agents.runtimes.llm", "workspaces.files"):
        bare = ModuleType(name)
        bare.__path__ = [str(PROJECT.joinpath(*name.split(".")))]
        sys.modules[name] = bare


if __name__ == "__main__":
    without_django()
    from agents.runtimes.llm.program.run import run

    sys.exit(asyncio.run(run(json.load(sys.stdin))))
