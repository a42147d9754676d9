"""One run of `bench intake` in a process of its own: `SUBJECT FLIGHT COUNT RATE` → one JSON object on standard output.

Posts signed 6 kB deliveries to the subject's ASGI interface: FLIGHT at a time as fast as they go (RATE 0), or RATE a
second. `engine`, `decide` and `cpu` instead run until killed: a decider with a backlog that never ends, the engine's
own loop that decides, and a busy loop.
"""

import asyncio
import itertools
import json
import os
import secrets
import signal
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import django

from dct_site import interpreter
from dct_site.bench.installation import pull_request
from dct_site.kernel.process.shim_child import NICENESS

SECRET = "a secret of the benchmark"  # noqa: S105 - of a throw-away database
BODY_BYTES = 6000


def make_hook() -> str:
    """A webhook connection without a rate limit; returns its path."""
    from accounts.actor import Actor  # noqa: PLC0415 - models are there only after the set-up
    from accounts.enums import Source  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415
    from triggers.services.endpoints import create_webhook_connection  # noqa: PLC0415

    owner, _ = User.objects.get_or_create(username="bench")
    made = create_webhook_connection(
        name=secrets.token_hex(8),
        source=Source.GITHUB,
        owner=owner,
        by=Actor.cli(),
        now=datetime.now(UTC),
        secret=SECRET,
        rate_per_minute=100_000_000,
    )
    return made.endpoint.path


class Load:
    """Requests that differ in their key only."""

    def __init__(self, app: Any, path: str) -> None:
        from triggers.door.verify import sign  # noqa: PLC0415

        self._app = app
        self._path = path
        self._body = json.dumps({"action": "opened", "text": "x" * (BODY_BYTES - 40)}).encode()
        self._numbers = itertools.count()
        self._prefix = secrets.token_hex(6)
        self._headers = [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body)).encode()),
            (b"x-hub-signature-256", sign(SECRET.encode(), self._body).encode()),
            (b"x-github-event", b"pull_request"),
        ]
        self.waited: list[float] = []

    async def one(self) -> None:
        """One request; raises RuntimeError where it is not accepted."""
        key = f"{self._prefix}-{next(self._numbers)}".encode()
        scope = {
            "type": "http",
            "method": "POST",
            "path": f"/hooks/{self._path}",
            "query_string": b"",
            "headers": [*self._headers, (b"x-github-delivery", key)],
        }
        began, status, messages = time.perf_counter(), 0, [{"type": "http.request", "body": self._body}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        await self._app(scope, receive, send)
        if status != 202:
            raise RuntimeError(f"answered {status}")
        self.waited.append(time.perf_counter() - began)

    async def flat_out(self, count: int, flight: int) -> None:
        async def some() -> None:
            for _ in range(count // flight):
                await self.one()

        await asyncio.gather(*(some() for _ in range(flight)))

    async def paced(self, count: int, rate: float) -> None:
        began, tasks = time.perf_counter(), []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            tasks.append(asyncio.ensure_future(self.one()))
        await asyncio.gather(*tasks)


async def run(subject: str, path: str, flight: int, count: int, rate: float) -> dict[str, float]:
    """Measure one subject, after a tenth of the work to warm up."""
    from dct_site.bench.subjects import SUBJECTS  # noqa: PLC0415

    load = Load(SUBJECTS[subject](), path)
    await load.flat_out(max(count // 10, flight), flight)
    load.waited.clear()
    began, cpu = time.perf_counter(), time.process_time()
    await (load.paced(count, rate) if rate else load.flat_out(count, flight))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    cuts = statistics.quantiles(load.waited, n=100)
    n = len(load.waited)
    return {"rate": n / took, "us_cpu": cpu / n * 1e6, "p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "n": n}


def engine() -> NoReturn:
    """The engine's decider with a backlog that never ends: pull requests, one event each."""
    from triggers.services.decide import decide_pending  # noqa: PLC0415

    backlog = Backlog()
    backlog.fill(1, 10)
    decide_pending(now=datetime.now(UTC))
    interpreter.leave_out_what_stays()
    while True:
        if not decide_pending(now=datetime.now(UTC)):
            backlog.fill()


class Backlog:
    """Deliveries of a connection of its own."""

    def __init__(self) -> None:
        from triggers.models import WebhookEndpoint  # noqa: PLC0415

        self._endpoint = WebhookEndpoint.objects.get(path=make_hook())
        self._numbers = itertools.count(1)

    def fill(self, portions: int = 400, portion: int = 5) -> None:
        from triggers.services.intake import Incoming, accept  # noqa: PLC0415

        for _ in range(portions):
            accept(
                [
                    Incoming(
                        connection_id=self._endpoint.connection_id,
                        endpoint_id=self._endpoint.pk,
                        source="github",
                        delivery_key=f"backlog-{number}",
                        body=pull_request(number),
                        headers={"x-github-event": "pull_request"},
                        received_at=datetime.now(UTC),
                    )
                    for number in itertools.islice(self._numbers, portion)
                ]
            )


def decide() -> NoReturn:
    """The engine's loop that decides, woken as the engine is."""
    from dct_site.engine.loops import Loops  # noqa: PLC0415
    from dct_site.engine.work import engine_loops  # noqa: PLC0415
    from dct_site.kernel.wake import Role, Topic, WakeListener, run_directory  # noqa: PLC0415

    loops = Loops([loop for loop in engine_loops() if loop.topic is Topic.DECIDE])
    loops.start()
    WakeListener(run_directory(), Role.ENGINE, lambda _topics: loops.wake(Topic.DECIDE)).start()
    while True:
        signal.pause()


def spin() -> NoReturn:
    """A CPU-bound program of an agent: as nice as those are."""
    os.nice(NICENESS)
    while True:
        sum(range(10_000))


BESIDE: dict[str, Callable[[], NoReturn]] = {"engine": engine, "decide": decide, "cpu": spin}


def undecided() -> int:
    """How many deliveries wait for their decision."""
    from triggers.models import PendingDelivery  # noqa: PLC0415

    return PendingDelivery.objects.count()


def main(words: list[str]) -> None:
    interpreter.take_short_turns()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    interpreter.leave_out_what_stays()
    if words[0] in BESIDE:
        BESIDE[words[0]]()
    subject, flight, count, rate = words[0], int(words[1]), int(words[2]), float(words[3])
    waiting = undecided()
    measured = asyncio.run(run(subject, make_hook(), flight, count, rate))
    measured["undecided"] = undecided() - waiting
    sys.stdout.write(json.dumps(measured) + "\n")
    sys.stdout.flush()
    # Threads of a subject that was measured are nobody's to wait for.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
