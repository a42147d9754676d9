"""How fast live status reaches five hundred websocket clients, beside a bare ASGI fan-out in the same run."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dct_site.bench import noop_work
from dct_site.bench.figure import Figure
from dct_site.bench.installation import ROOT, Installation, eventually, post
from dct_site.bench.intake import line_of

CLIENTS = 500
BURST = 60
PACED_S = 8
PER_SECOND = 10
"""With five hundred clients, 5,000 messages a second."""
BARE = "bare"
PROGRAM = "dct_site.bench.fanout_child"
SAMPLE = {"came_from": "", "object": "execution", "reason": "", "status": "queued", "topics": ["executions"]}

Heard = Mapping[str, float]
Cause = Callable[[int], None]


def measure() -> Iterator[Figure]:
    """Changes as fast as they come, then at a pace; each one is an execution that is queued."""
    with Installation("--demo") as dct, bare() as port:
        noop_work.pause(dct, is_paused=True)
        own = dct.info["url"].replace("http://", "ws://") + "/ws/status/"
        causes: dict[str, tuple[str, Cause]] = {
            "dct": (own, lambda number: noop_work.queue(dct, range(number, number + 1))),
            BARE: (f"ws://127.0.0.1:{port}/", lambda _: say(port)),
        }
        found: dict[str, dict[str, Heard]] = {"burst": {}, "paced": {}}
        for name, (url, cause) in causes.items():
            token = dct.info["api_token"]
            found["burst"][name] = heard(url, token, cause, range(BURST), every_s=0.0)
            paced = range(BURST, BURST + PACED_S * PER_SECOND)
            found["paced"][name] = heard(url, token, cause, paced, every_s=1 / PER_SECOND)
    yield from figures(found)


def figures(found: Mapping[str, Mapping[str, Heard]]) -> Iterator[Figure]:
    """Messages a second in the burst, how late they are at the pace, and clients that are wrong at the end."""
    where = f"{CLIENTS} clients on /ws/status/, demo on SQLite, {noop_work.load()}; baseline: a bare ASGI fan-out"
    burst, paced = found["burst"], found["paced"]
    told = f"{BURST} changes as fast as webhooks bring them, {where}"
    yield Figure("fanout", "rate", burst["dct"]["rate"], "1/s", CLIENTS, told, BARE, round(burst[BARE]["rate"], 1))
    told = f"{PER_SECOND} changes a second for {PACED_S} s, {where}; a ratio below 1 is better"
    for key in ("p50_ms", "p99_ms"):
        name = f"late_{key.removesuffix('_ms')}"
        yield Figure("fanout", name, paced["dct"][key], "ms", CLIENTS, told, BARE, round(paced[BARE][key], 3))
    wrong = burst["dct"]["wrong"] + paced["dct"]["wrong"]
    yield Figure("fanout", "wrong", wrong, "clients", 2 * CLIENTS, f"missed, twice or out of turn; {where}")


def heard(url: str, token: str, cause: Cause, numbers: range, *, every_s: float) -> Heard:
    """Cause the changes while the clients listen; what they heard, with ``rate`` from the first cause to the last."""
    argv = [sys.executable, "-m", PROGRAM, "listen", url, token, str(CLIENTS), str(len(numbers))]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        line_of(child)
        began, begin = time.time(), time.monotonic()
        for at, number in enumerate(numbers):
            time.sleep(max(0.0, begin + at * every_s - time.monotonic()))
            cause(number)
        told: dict[str, Any] = json.loads(line_of(child))
    return {**told, "rate": told["heard"] / max(0.001, told["last_at"] - began)}


def say(port: int) -> None:
    """A change at the bare one."""
    post(f"http://127.0.0.1:{port}/", json.dumps(SAMPLE).encode(), {"Content-Type": "application/json"})


@contextmanager
def bare() -> Iterator[int]:
    """The bare fan-out; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        argv = [sys.executable, "-m", PROGRAM, "bare", str(listener.fileno())]
        with subprocess.Popen(argv, cwd=ROOT, pass_fds=[listener.fileno()]) as process:
            port = listener.getsockname()[1]
            try:
                eventually(lambda: _answers(port), within_s=30)
                yield port
            finally:
                process.kill()


def _answers(port: int) -> bool:
    try:
        say(port)
    except OSError:
        return False
    return True
