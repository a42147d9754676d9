#!/usr/bin/env python3
"""Writes what an event, such as a new pull request, is about. Reads files, prints JSON lines, needs nothing else."""

import json
import os
from pathlib import Path

context = Path(os.environ["DCT_CONTEXT"])
run = json.loads(Path(os.environ["DCT_RUN_FILE"]).read_text())
event = json.loads((context / "event.json").read_text())
about = context / "item.json"
if about.exists():
    item = json.loads(about.read_text())
else:  # fired by hand, for one: the event is about nothing that is watched
    item = {"title": event["facts"]["title"], "key": event["type"], "state": event["data"]}


def say(kind: str, text: str) -> None:
    print(json.dumps({"type": kind, "text": text}), flush=True)


say("text", f"Asked: {run['asked'][-1] if run['asked'] else 'nothing in particular'}")
if run["gate"]:
    say("text", "Sent back: " + "; ".join(run["gate"]))
lines = [f"# {item['title']}", "", "## What changed", "", f"This is about {item['key']}.", ""]
lines += [f"* {name}: {value}" for name, value in item["state"].items() if value]
for wanted in run["deliverables"]:
    target = Path(os.environ["DCT_WORKSPACE"]) / wanted["target"]
    target.write_text("\n".join(lines) + "\n")
say("done", "The brief is written.")
