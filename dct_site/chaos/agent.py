"""The agent of the chaos harness, one file that needs nothing else: notes on disk that it lives, and since when.

What it notes is believed before any row: a start, a sign of life every 50 ms, an end, each by the clock that nobody can
set and on the disk before the next one.
"""

import json
import os
import secrets
import time
from pathlib import Path

SIGNS = 8
PACE_S = 0.05
workspace = Path(os.environ["DCT_WORKSPACE"])
life = secrets.token_hex(6)
ledger = os.open(workspace / "work" / "ledger.jsonl", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)


def note(what: str) -> None:
    line = {"life": life, "what": what, "at": time.clock_gettime(time.CLOCK_BOOTTIME)}
    os.write(ledger, json.dumps(line).encode() + b"\n")
    os.fsync(ledger)


note("start")
for _ in range(SIGNS):
    time.sleep(PACE_S)
    note("alive")
for wanted in json.loads(Path(os.environ["DCT_RUN_FILE"]).read_text())["deliverables"]:
    text = "# A brief\n\n## What changed\n\n" + "Something did, and this is what the storm left of it.\n" * 8
    (workspace / wanted["target"]).write_text(text)
note("end")
