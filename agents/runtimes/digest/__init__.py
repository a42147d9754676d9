"""The built-in runtime: a structured digest of what changed, without a model, a key or a network."""

import sys
from pathlib import Path

from agents.enums import RuntimeKind
from agents.runtimes.lines import OwnListener
from agents.runtimes.port import RUN_FILE, SEARCH_PATH, Assignment, LaunchSpec, Listener

PROGRAM = Path(__file__).with_name("program.py")
# The interpreter behind a virtual environment: with -S it needs nothing of that.
PYTHON = Path(sys.executable).resolve()


class DigestRuntime:
    """A run depends on nothing but the workspace; after a crash it simply runs again."""

    kind: str = RuntimeKind.DIGEST
    is_own_code = True
    is_free = True

    def prepare(self, assignment: Assignment) -> LaunchSpec:
        return LaunchSpec(
            argv=(str(PYTHON), "-S", "-I", "-X", "utf8", str(PROGRAM), str(assignment.root)),
            cwd=assignment.root / "work",
            env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "DCT_RUN_FILE": str(assignment.root / RUN_FILE)},
            readonly=(PROGRAM.parent, Path(sys.base_prefix)) if _is_hidden(PROGRAM) else (),
        )

    def listener(self, assignment: Assignment) -> Listener:  # noqa: ARG002 - all speak alike
        return OwnListener()


def _is_hidden(path: Path) -> bool:
    """Whether a sandbox shows an empty directory where the program lies."""
    return path.is_relative_to("/tmp") or path.is_relative_to("/run")  # noqa: S108 - the sandbox's own directories
