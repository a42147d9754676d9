"""Reads what the last test run covered and names the files below the thresholds of pyproject.toml."""

import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dct_site.command.services import ROOT

MOST_NAMED = 12
RACING = "*/services/*.py"


def erase() -> None:
    """Forget what earlier runs covered."""
    subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True, cwd=ROOT)


def thresholds() -> dict[str, Any]:
    """Return `overall` (percent), `full` (patterns of files that must be covered wholly) and `slack` (what they may
    miss together) from pyproject.toml.
    """
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dct"]["coverage"]
    return table


def _few(names: list[str]) -> str:
    """Return names as a list that stays readable when a whole file is missing."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def judge(measured: dict[str, Any], *, overall: float, full: list[str], slack: int = 0) -> tuple[list[str], list[str]]:
    """Return (a sentence for each threshold that is missed, those that are told only). `measured` is what
    `coverage json` writes.

    Services together may miss `slack` lines and branches: what only a race reaches is missed by some runs. What is pure
    meets none.
    """
    total = float(measured["totals"]["percent_covered"])
    failing = [f"branch coverage is {total:.1f} %, not {overall:g} %"] if total < overall else []
    short: list[str] = []
    count = 0
    for name, file in sorted(measured["files"].items()):
        if not any(fnmatch(name, pattern) for pattern in full) or file["summary"]["percent_covered"] == 100:
            continue
        lines = [str(line) for line in file["missing_lines"]]
        branches = [f"{start}→{'exit' if end < 0 else end}" for start, end in file.get("missing_branches", [])]
        count += max(len(lines), len(branches)) if fnmatch(name, RACING) else slack + 1
        parts = (lines and f"lines {_few(lines)}", branches and f"branches {_few(branches)}")
        short.append(f"{name} must be covered wholly and misses {'; '.join(part for part in parts if part)}")
    return (failing, short) if count <= slack else ([*failing, *short], [])


def offenders() -> list[str]:
    """Judge the run that has just ended; prints the overall figure. A run without data is an offender itself."""
    with TemporaryDirectory(prefix="dct-coverage-") as name:
        output = Path(name) / "coverage.json"
        argv = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(output)]
        done = subprocess.run(argv, check=False, cwd=ROOT, capture_output=True, text=True)
        if not output.exists():
            return [f"coverage was not measured: {(done.stderr or done.stdout).strip()[-300:]}"]
        measured = json.loads(output.read_text())
    total = float(measured["totals"]["percent_covered"])
    print(f"\nBranch coverage: {total:.1f} %")
    failing, told = judge(measured, **thresholds())
    for sentence in told:
        print(f"within the slack: {sentence}")
    return failing
