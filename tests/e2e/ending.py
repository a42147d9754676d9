"""How tests of a whole installation see what became of a delivery, and play the outside world."""

import subprocess
import sys
from typing import Any

from dct_site.bench.installation import ROOT, Installation, eventually

TERMINAL = {"succeeded", "failed", "cancelled", "timed_out", "expired"}


def execution_of(demo: Installation, delivery: int) -> dict[str, Any] | None:
    """The execution that a delivery led to, once there is one."""
    events = demo.api(f"deliveries/{delivery}/").get("events") or []
    for event in events:
        number = event["id"] if isinstance(event, dict) else event
        found = demo.api(f"executions/?event={number}")["results"]
        if found:
            detail: dict[str, Any] = demo.api(f"executions/{found[0]['id']}/")
            return detail
    return None


def finished(demo: Installation, delivery: int, *, within_s: float = 60) -> dict[str, Any]:
    """The execution of a delivery, once it has ended."""

    def look() -> dict[str, Any] | None:
        execution = execution_of(demo, delivery)
        return execution if execution and execution["status"] in TERMINAL else None

    found: dict[str, Any] = eventually(look, within_s=within_s)
    return found


def simulate(demo: Installation, *words: str) -> str:
    """``./dct simulate …`` on the demo's data."""
    argv = [sys.executable, "-m", "dct_site.command", "simulate", *words, "--data", str(demo.data)]
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout
