"""What coverage is measured of: a program that its hook does not reach, and tests whose price would be too high."""

import os
import site
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Return a file in `directory` that runs `program` and measures it; without coverage, `program` itself.

    It starts with `-S -I` and an empty environment.
    """
    config = os.environ.get("COVERAGE_PROCESS_CONFIG")
    if config is None:
        return program
    launcher = directory / program.name
    values = {"packages": site.getsitepackages(), "config": config, "root": str(ROOT), "program": str(program)}
    launcher.write_text(_LAUNCHER.format(**values))
    return launcher


@contextmanager
def unmeasured() -> Iterator[None]:
    """Trace neither this thread nor threads and processes that it starts meanwhile.

    pytest-cov's own `no_cover` does so in a single process only: in a worker of xdist a second collector, which the
    plugin starts before it knows that it is a worker, goes on when the first one is paused.
    """
    here, in_threads = sys.gettrace(), threading.gettrace()
    for_children = os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        threading.settrace(in_threads)
        sys.settrace(here)
        if for_children is not None:
            os.environ["COVERAGE_PROCESS_CONFIG"] = for_children
