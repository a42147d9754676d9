"""The installation that is broken: the demo in one process tree, or in its four roles on a database and a broker."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from dct_site.bench.flood import is_alive
from dct_site.bench.installation import READY_WITHIN_S, ROOT, Installation, descendants, eventually
from dct_site.command.services import free_port
from dct_site.kernel.clock import STEPPED_BY
from dct_site.kernel.crashpoints import TRAP

OTHER_ROLES = ("worker", "agents", "tick")
AGENT = Path(__file__).with_name("agent.py")
TRIGGER = "Review brief for pull requests"
MOST_AGENTS = 3
MOST_ATTEMPTS = 20
"""As many as may be said: what a storm kills was not the agent's fault."""


class Place(Installation):
    """With ``broker`` its roles run beside each other, as on many machines."""

    def __init__(self, data: Path, database: str = "", broker: str = "") -> None:
        self.broker = broker
        self.environment = {
            "DCT_DATA_DIR": str(data),
            TRAP: str(data.with_name("trap")),
            STEPPED_BY: str(data.with_name("clock")),
            **({"DCT_DATABASE_URL": database} if database else {}),
            **({"DCT_BROKER_URL": broker, "DCT_CHANNEL_URL": broker} if broker else {}),
        }
        self._port = free_port()
        role = ["--role", "web", "--port", str(self._port)] if broker else []
        super().__init__("--demo", *role, environment=self.environment, data=data)
        self._others: list[subprocess.Popen[bytes]] = []

    def start_all(self) -> None:
        """Start and wait until it is ready. Raises RuntimeError."""
        beside = threading.Thread(target=self._start_others)
        if self.broker:
            beside.start()
        try:
            self.start()
        finally:
            if self.broker:
                beside.join()

    def employ(self) -> None:
        """Let the demo's trigger run the agent that keeps a ledger, at most MOST_AGENTS at once. Raises HTTPError."""
        # As its words and not as a file: a sandbox hides where a clone may lie.
        argv = ["python3", "-c", AGENT.read_text()]
        command = self.api("runtime-commands/", method="POST", body={"name": "Ledger", "argv": argv})
        profile = {"name": "Ledger", "runtime": "command", "command_id": command["id"], "max_attempts": MOST_ATTEMPTS}
        employed = self.api("agent-profiles/", method="POST", body=profile)
        trigger = next(one for one in self.api("triggers/")["results"] if one["name"] == TRIGGER)
        parts = self.api(f"triggers/{trigger['id']}/")
        draft = {
            "agent": {**parts["agent"], "profile_id": employed["id"]},
            "limits": {**parts.get("limits", {}), "max_attempts": MOST_ATTEMPTS},
        }
        self.api(f"triggers/{trigger['id']}/", method="PATCH", body=draft)
        self.api(f"triggers/{trigger['id']}/publish/", method="POST", body={})
        self.api("limits/", method="PATCH", body={"max_agents": MOST_AGENTS})

    def _start_others(self) -> None:
        """Once web has brought the database up to date; it is not ready before they are there."""
        with suppress(AssertionError):  # web never came up: who waits for it says so
            eventually(lambda: is_alive(self._port), within_s=READY_WITHIN_S)
            self._others = [self._role(name) for name in OTHER_ROLES]

    def parents(self) -> list[int]:
        """Who starts the others again."""
        own = [self.process] if self.process is not None else []
        return [process.pid for process in (*own, *self._others)]

    def cut_the_power(self) -> None:
        """``kill -9`` of everything at once."""
        for process in self._others:
            for pid in (process.pid, *descendants(process.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(30)
        self._others = []
        self.kill_everything()

    def ask(self, *words: str) -> list[dict[str, Any]]:
        """What the checker says of its rows."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DCT_", "DJANGO_"))}
        argv = [sys.executable, "-m", "dct_site.chaos.checker", *words]
        done = subprocess.run(argv, cwd=ROOT, env={**kept, **self.environment}, check=True, stdout=subprocess.PIPE)
        return [json.loads(line) for line in done.stdout.decode().splitlines() if line.startswith("{")]

    def _role(self, name: str) -> "subprocess.Popen[bytes]":
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DCT_", "DJANGO_"))}
        argv = [sys.executable, "-m", "dct_site.command", "run", "--role", name, "--data", str(self.data)]
        with (self.data / "log").open("ab") as log:
            return subprocess.Popen(
                argv, cwd=ROOT, env={**kept, **self.environment}, stdout=log, stderr=log, start_new_session=True
            )
