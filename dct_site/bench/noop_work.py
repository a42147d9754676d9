"""A whole DCT whose trigger starts an agent that does nothing, and executions of it by the hundred."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

from dct_site.bench.installation import Installation, descendants, eventually, post, pull_request, signed

NOTHING = ["/bin/sh", "-c", 'echo \'{"type": "done", "text": "Nothing to do."}\'']
WITHIN_S = 3600.0


def let_agents_do_nothing(dct: Installation, *, agents: int) -> None:
    """The demo's trigger on pull requests gets an agent that says at once that it is done and delivers nothing."""
    command = dct.api("runtime-commands/", method="POST", body={"name": "Nothing", "argv": NOTHING})
    wanted = {"name": "Nothing", "runtime": "command", "command_id": command["id"]}
    profile = dct.api("agent-profiles/", method="POST", body=wanted)
    (trigger,) = [one for one in dct.api("triggers/")["results"] if "review brief" in str(one).lower()]
    body = {"agent": {"profile_id": profile["id"]}, "deliverables": []}
    dct.api(f"triggers/{trigger['id']}/", method="PATCH", body=body)
    dct.api(f"triggers/{trigger['id']}/publish/", method="POST", body={})
    dct.api("limits/", method="PATCH", body={"max_agents": agents, "max_workspaces": 4 * agents, "reserved_percent": 0})


def pause(dct: Installation, *, is_paused: bool) -> None:
    """Let nothing start, or let it start again."""
    dct.api("limits/", method="PATCH", body={"is_paused": is_paused})


def queue(dct: Installation, numbers: range) -> None:
    """A pull request for each number; RuntimeError where the door does not take one."""
    demo = dct.info["demo"]
    for number in numbers:
        body = pull_request(1000 + number)
        status, _ = post(demo["github_webhook_url"], body, signed(demo["github_webhook_secret"], body))
        if status != 202:
            raise RuntimeError(f"the door answered {status}")


def wait_for(dct: Installation, status: str, count: int) -> None:
    """Until so many executions have the status. RuntimeError where one ended otherwise."""

    def reached() -> bool:
        found = dict(ask(dct, "SELECT status, COUNT(*) FROM triggers_execution GROUP BY status"))
        lost = {
            word: number for word, number in found.items() if word in {"failed", "timed_out", "cancelled", "expired"}
        }
        if lost:
            raise RuntimeError(f"some did not succeed: {lost}")
        return bool(found.get(status, 0) >= count)

    eventually(reached, within_s=WITHIN_S, every_s=0.2)


def work_s(dct: Installation) -> float:
    """Seconds from the first start to the last end of the executions that succeeded."""
    ((begin, end),) = ask(
        dct,
        "SELECT MIN(s.admitted_at), MAX(x.ended_at) FROM triggers_execution x"
        " JOIN agents_startrequest s ON s.id = x.start_id WHERE x.status = 'succeeded'",
    )
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def ask(dct: Installation, query: str) -> list[tuple[Any, ...]]:
    """Past the product, reading only."""
    with closing(sqlite3.connect(f"file:{dct.data / 'dct.sqlite3'}?mode=ro", uri=True, timeout=20)) as database:
        return database.execute(query).fetchall()


def processes(dct: Installation) -> dict[str, int]:
    """web and engine → process number."""
    if dct.process is None:
        raise RuntimeError("it does not run")
    found: dict[str, int] = {}
    for pid in descendants(dct.process.pid):
        words = _read(f"/proc/{pid}/cmdline").split("\0")
        found |= {role: pid for role in ("web", "engine") if f"dct_site.{role}" in words}
    return found


def held_by(pid: int) -> dict[str, float]:
    """Resident memory in MB, open descriptors and threads of a process."""
    told = dict(line.split(":", 1) for line in _read(f"/proc/{pid}/status").splitlines() if ":" in line)
    return {
        "rss": int(told["VmRSS"].split()[0]) / 1024,
        "descriptors": float(len(os.listdir(f"/proc/{pid}/fd"))),
        "threads": float(told["Threads"]),
    }


def load() -> str:
    """How busy the machine is."""
    return f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
