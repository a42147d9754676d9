"""One run: its task read, its conversation opened, its end told."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_ai.models import Model

from agents.runtimes.llm.program import tools
from agents.runtimes.llm.program.access import model_of
from agents.runtimes.llm.program.history import History, news, opened
from agents.runtimes.llm.program.spending import Spending
from agents.runtimes.llm.program.telling import tell
from agents.runtimes.llm.program.troubles import trouble_of
from agents.runtimes.llm.program.work import Worker
from workspaces.files.reading import read_all

INSTRUCTIONS = "context/run/instructions.md"
RUN = "context/run/run.json"


async def run(task: Mapping[str, Any], model: Model | None = None) -> int:
    """Work on a task as ``LlmRuntime.prepare`` writes it; the exit code. ``model`` takes the place of the real one."""
    root, given, bounds = Path(task["root"]), task["model"], task["bounds"]
    told = json.loads(read_all(root, RUN))
    page = read_all(root, INSTRUCTIONS).decode("utf-8", "replace")
    history = _history(task["steps"])
    desk = tools.Desk(root, told.get("deliverables", []))
    spending = Spending(
        bounds["requests"],
        bounds["tokens"],
        task["left"]["tokens"],
        task["left"]["money"],
        is_priced=not given["base_url"],
    )
    try:
        worker = Worker(
            model or model_of(given), history, desk, tools.allowed(bounds["tools"]), spending, bounds["answer_tokens"]
        )
        await worker.work(news(history, page=page, run=told))
    except Exception as error:  # noqa: BLE001 - the edge of the program: whatever happened is told in words
        trouble = trouble_of(error, who=given["provider"], model=given["model"])
        spending.tell()
        tell("failed", text=trouble.text, is_hopeless=trouble.is_hopeless)
        return 1
    if desk.question:
        tell("question", text=desk.question)
    else:
        tell("done")
    return 0


def _history(steps: list[str]) -> History:
    try:
        return opened(steps)
    except ValueError as error:
        tell("text", text=f"I begin anew with the files that are there: {error}.")
        return History()
