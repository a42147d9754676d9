"""Tells what happens, a line of JSON each, at the moment when it happens."""

import json
import sys
from typing import Any

SHOWN = 20_000
"""Characters of a text that is told; a longer one is cut and says so."""


def tell(kind: str, **values: Any) -> None:
    """One line; long texts in it are cut. Known kinds are in ``agents.runtimes.lines`` and ``llm.listener``."""
    _write({"type": kind, **_cut(values)})


def keep(at: int, state: str) -> None:
    """A step of the conversation, whole."""
    _write({"type": "step", "at": at, "state": state})


def _write(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= SHOWN else f"{value[:SHOWN]} … ({len(value):,} characters)"
    if isinstance(value, dict):
        return {key: _cut(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner) for inner in value]
    return value
