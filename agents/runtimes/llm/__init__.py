"""The runtime of models: a process of DCT's own that asks one, by pydantic-ai, and does what that wants by tools that
stay in the workspace.

The process has the network for the model's sake alone: what it runs is DCT's, no tool of it reaches anything but the
workspace, and its one HTTP client goes to the provider's host and nowhere else.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from agents.enums import RuntimeKind
from agents.runtimes.llm.bounds import bounds_of
from agents.runtimes.llm.listener import LlmListener, steps_of
from agents.runtimes.port import SEARCH_PATH, Assignment, CannotRun, LaunchSpec, Listener

PROGRAM = Path(__file__).with_name("program") / "main.py"
PROJECT = Path(__file__).resolve().parents[3]
_HIDDEN = (Path("/tmp"), Path("/run"))  # noqa: S108 - where a sandbox shows an empty directory


class LlmRuntime:
    """A run goes on from the conversation that the last one kept, message by message."""

    kind: str = RuntimeKind.LLM
    is_own_code = True
    is_free = False

    def prepare(self, assignment: Assignment) -> LaunchSpec:
        if assignment.model is None:
            raise CannotRun("The profile names no model. Write one as provider:model.")
        task = {
            "root": str(assignment.root),
            "model": asdict(assignment.model),
            "bounds": asdict(bounds_of(assignment.permissions)),
            "left": {"tokens": assignment.tokens, "money": assignment.money},
            "steps": steps_of(assignment.checkpoint),
        }
        return LaunchSpec(
            argv=(sys.executable, "-I", "-B", "-X", "utf8", str(PROGRAM)),
            cwd=assignment.root / "work",
            # No home: a provider's library would read its settings from there, and an agent can write files.
            env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"},
            stdin=json.dumps(task),
            readonly=tuple(path for path in _needed() if any(path.is_relative_to(one) for one in _HIDDEN)),
            is_network_allowed=True,
        )

    def listener(self, assignment: Assignment) -> Listener:
        return LlmListener(steps_of(assignment.checkpoint))


def _needed() -> tuple[Path, ...]:
    """What the program is made of. Not the whole project: DCT's data may lie in it."""
    own = (PROJECT / name for name in ("agents", "workspaces", "dct_site/kernel"))
    return tuple(dict.fromkeys((*own, Path(sys.prefix), Path(sys.base_prefix))))
