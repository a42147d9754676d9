"""`./dct check`: everything about the code that a machine can judge without running it, one line a step."""

import argparse
import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dct_site.command import pins
from dct_site.command.bootstrap import ROOT, USER_REQUIREMENTS

SUMMARY = "formatting, lint, types, import contracts, templates, migrations, deploy checks, requirements"
INDEX = "https://pypi.org/simple/pip/"
AUDIT_SECONDS = 45
MOST_LINES = 60
SAFE_MIGRATIONS = "dct_site.command.safe_migrations"
SHELL_SCRIPTS = ("dct", ".ci/run")


@dataclass(frozen=True)
class Result:
    """How a step ended: `output` is shown below when it failed, `note` beside the time."""

    failed: bool
    output: str = ""
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One judgement: a name to show and a function that makes it."""

    name: str
    judge: Callable[[], Result] = field(repr=False)


def run(argv: list[str], environment: Mapping[str, str] | None = None) -> Result:
    """Run a tool at the top of the project; it failed when it says so by its exit code."""
    done = subprocess.run(
        argv, check=False, cwd=ROOT, env={**os.environ, **(environment or {})}, capture_output=True, text=True
    )
    return Result(done.returncode != 0, (done.stdout + done.stderr).strip())


def tool(name: str, *arguments: str) -> list[str]:
    """Return the command line of a tool that is installed beside this Python."""
    return [str(Path(sys.executable).with_name(name)), *arguments]


def manage(*arguments: str) -> list[str]:
    """Return the command line of a management command."""
    return [sys.executable, "manage.py", *arguments]


def judge_requirements() -> Result:
    """Pins, hashes and installed versions agree; needs no network."""
    found = pins.problems()
    return Result(bool(found), "\n".join(found))


def network_answers() -> bool:
    """Say whether the package index can be asked now."""
    try:
        with urllib.request.urlopen(INDEX, timeout=4):
            return True
    except OSError:
        return False


def judge_audit(told: dict[str, Any]) -> Result:
    """Judge what `pip-audit --format json` told; a service that knows none of the packages was not asked at all."""
    packages = told["dependencies"]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if len(unknown) == len(packages):
        return Result(failed=False, note="not asked: this package index tells nothing about them")
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none yet'}"
        for each in packages
        for flaw in each.get("vulns", [])
    ]
    note = f"the service does not know {', '.join(unknown)}" if unknown else ""
    return Result(bool(found), "\n".join(found), note)


def judge_vulnerabilities() -> Result:
    """No pinned package has a known vulnerability; says so when nobody could be asked."""
    if not network_answers():
        return Result(failed=False, note="not asked: no network")
    options = ["--progress-spinner=off", "--format=json", "--disable-pip", "--no-deps", "-r", USER_REQUIREMENTS]
    try:
        done = subprocess.run(
            tool("pip-audit", *options), check=False, cwd=ROOT, capture_output=True, text=True, timeout=AUDIT_SECONDS
        )
        return judge_audit(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return Result(failed=False, note=f"not asked: no answer within {AUDIT_SECONDS} s")
    except ValueError:
        return Result(failed=False, note="not asked: the service did not answer")


def judge_templates() -> Result:
    """Templates are formatted and free of djlint's complaints; a project without templates has none to judge."""
    for mode in ("--check", "--lint"):
        done = run(tool("djlint", mode, "templates"))
        if done.failed and "No files to check" not in done.output:
            return done
    return Result(failed=False)


def judge_shell() -> Result:
    """Shell scripts parse."""
    found = [run([shutil.which("bash") or "sh" if name == ".ci/run" else "sh", "-n", name]) for name in SHELL_SCRIPTS]
    return Result(any(each.failed for each in found), "\n".join(each.output for each in found if each.failed))


def development(data: Path) -> dict[str, str]:
    """Return the environment of a fresh development install with its data in `data`."""
    return {"DCT_ENV": "development", "DCT_DATA_DIR": str(data), "DCT_DATABASE_URL": "", "DCT_BROKER_URL": ""}


def production(data: Path) -> dict[str, str]:
    """Return the environment of a production install as the documentation asks for, with made-up secrets."""
    return {
        **development(data),
        "DCT_ENV": "production",
        "DCT_SECRET_KEY": secrets.token_urlsafe(64),
        "DCT_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "DCT_ALLOWED_HOSTS": "dct.example.org",
        "DCT_PUBLIC_URL": "https://dct.example.org",
    }


def steps_in(data: Path) -> list[Step]:
    """Return every step, the longest first so that two cores are busy to the end."""
    plain, deployed = development(data), production(data)
    judged = {**plain, "DJANGO_SETTINGS_MODULE": "dct_site.command.check_settings"}
    return [
        Step("types", lambda: run(tool("mypy", "--show-traceback", "."), plain)),
        Step("known vulnerabilities", judge_vulnerabilities),
        Step("templates", judge_templates),
        Step("migrations are safe", lambda: run([sys.executable, "-m", SAFE_MIGRATIONS], judged)),
        Step("deploy checks", lambda: run(manage("check", "--deploy", "--fail-level", "WARNING"), deployed)),
        Step("Django checks", lambda: run(manage("check", "--fail-level", "WARNING"), plain)),
        Step("migrations are complete", lambda: run(manage("makemigrations", "--check", "--dry-run"), plain)),
        Step("import contracts", lambda: run(tool("lint-imports"), plain)),
        Step("format", lambda: run(tool("ruff", "format", "--check", "--output-format=concise", "."))),
        Step("lint", lambda: run(tool("ruff", "check", "--output-format=concise", "."))),
        Step("requirements", judge_requirements),
        Step("shell scripts", judge_shell),
    ]


def timed(step: Step) -> tuple[Step, Result, float]:
    """Judge one step; return it with the result and the seconds it took."""
    start = time.monotonic()
    return step, step.judge(), time.monotonic() - start


def show(step: Step, result: Result, seconds: float) -> None:
    """Print the step's line, and its output below when it failed."""
    mark = "FAILED" if result.failed else "ok"
    print(f"{mark:<7} {step.name:<24} {seconds:5.1f} s  {result.note}".rstrip(), flush=True)
    if result.failed:
        lines = result.output.splitlines()
        shown = (
            lines if len(lines) <= MOST_LINES else [f"… {len(lines) - MOST_LINES} lines before …", *lines[-MOST_LINES:]]
        )
        print("\n".join(f"        {line}" for line in shown), flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare an option to run some steps only."""
    parser.add_argument("steps", nargs="*", metavar="STEP", help="words of the steps to run (default: all)")


def main(args: argparse.Namespace) -> int:
    """Run the steps, two at a time; 1 when one failed."""
    start = time.monotonic()
    with TemporaryDirectory(prefix="dct-check-") as name:
        steps = [
            step for step in steps_in(Path(name)) if not args.steps or any(word in step.name for word in args.steps)
        ]
        if not steps:
            known = ", ".join(step.name for step in steps_in(Path(name)))
            print(f"dct check: no step is called {' or '.join(args.steps)}; known are {known}.", file=sys.stderr)
            return 2
        failed = 0
        with ThreadPoolExecutor(max_workers=2) as pool:
            for future in [pool.submit(timed, step) for step in steps]:
                step, result, seconds = future.result()
                show(step, result, seconds)
                failed += result.failed
    print(f"{failed} of {len(steps)} failed" if failed else f"all {len(steps)} hold", end="")
    print(f" ({time.monotonic() - start:.0f} s)")
    return 1 if failed else 0
