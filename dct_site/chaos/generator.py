"""Clients that send pull requests while things break: new ones, repeats, second reports of a change, forged ones."""

import http.client
import random
import threading
from collections.abc import Callable
from typing import Any

from dct_site.bench.installation import post, pull_request, signed
from dct_site.chaos.history import Told

CLIENTS = 3
# New changes, repeats under a key of before, another key for a change of before, forgeries.
KINDS, WEIGHTS = ("new", "repeat", "report", "forge"), (5, 3, 2, 2)


class Generator:
    """``told`` grows while it runs, by what nobody answered too. ``where`` says how to reach the demo now: its address
    may change with a restart.
    """

    def __init__(self, seed: int, where: Callable[[], dict[str, Any]], *, every_s: float = 0.25) -> None:
        self.told: list[Told] = []
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._where = where
        self._every_s = every_s
        self._bodies: list[bytes] = []
        self._sent: list[tuple[str, int]] = []
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._send_on, daemon=True) for _ in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Told]:
        """Send nothing more; everything that was answered."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(40)
        return self.told

    def _send_on(self) -> None:
        while not self._stopping.wait(self._every_s):
            key, change, is_forged = self._next()
            try:
                told = self._send(key, change, is_forged=is_forged)
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                # Nobody was there, or went away in the middle: nothing was promised, and it may be stored.
                told = Told(key, change, 0, is_forged=is_forged)
            with self._guard:
                self.told.append(told)

    def _send(self, key: str, change: int, *, is_forged: bool) -> Told:
        where = self._where()["demo"]
        secret = "a guess" if is_forged else where["github_webhook_secret"]
        body = self._bodies[change]
        status, answer = post(where["github_webhook_url"], body, signed(secret, body, delivery=key))
        return Told(key, change, status, answer.get("delivery", 0), answer.get("duplicate", False), is_forged)

    def _next(self) -> tuple[str, int, bool]:
        with self._guard:
            kind = self._random.choices(KINDS, WEIGHTS)[0] if self._sent else "new"
            if kind == "new":
                self._bodies.append(pull_request(10_000 + len(self._bodies)))
                change = len(self._bodies) - 1
            else:
                key, change = self._random.choice(self._sent)
                if kind == "repeat":
                    return key, change, False
            key = f"chaos-{self._random.getrandbits(64):016x}"
            if kind != "forge":
                self._sent.append((key, change))
            return key, change, kind == "forge"
