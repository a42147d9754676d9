"""Measuring a program that starts with `-S -I` and an empty environment: coverage's own hook never reaches it."""

import os
import site
from pathlib import Path

from dct_site.command.services import ROOT

_LAUNCHER = """
import os, runpy, sys
before = os.getcwd()
sys.path.extend({packages!r})
os.environ["COVERAGE_PROCESS_CONFIG"] = {config!r}
os.chdir({root!r})  # names of files are kept relative to where it starts
import coverage
coverage.process_startup()
os.chdir(before)
del os.environ["COVERAGE_PROCESS_CONFIG"]
sys.argv[0] = {program!r}
runpy.run_path({program!r}, run_name="__main__")
"""


def measured(program: Path, directory: Path) -> Path:
    """Return a file in `directory` that runs `program` and measures it; without coverage, `program` itself."""
    config = os.environ.get("COVERAGE_PROCESS_CONFIG")
    if config is None:
        return program
    launcher = directory / program.name
    values = {"packages": site.getsitepackages(), "config": config, "root": str(ROOT), "program": str(program)}
    launcher.write_text(_LAUNCHER.format(**values))
    return launcher
