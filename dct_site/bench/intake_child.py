"""One process of `bench intake`: `SUBJECT` → serves it as the web process serves the product, until its input ends.

It tells where as one JSON object on standard output, and at the end how many deliveries wait for their decision.
`engine`, `decide` and `cpu` instead run until killed: a decider with a backlog that never ends, the engine's own loop
that decides, and a busy loop.
"""

import itertools
import json
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import django
import uvicorn

from dct_site import interpreter, web
from dct_site.bench.installation import pull_request
from dct_site.bench.intake_load import SECRET
from dct_site.kernel.process.shim_child import NICENESS
from dct_site.logs import configure


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


class OnItsLoop:
    """A subject that is made with its first request: it belongs to the event loop that serves it."""

    def __init__(self, make: Callable[[], Callable[..., Awaitable[None]]]) -> None:
        self._make = make
        self._made: Callable[..., Awaitable[None]] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._made is None:
            self._made = self._make()
        await self._made(scope, receive, send)


def serve(subject: str) -> NoReturn:
    """Serve a subject until standard input ends."""
    from dct_site.bench.subjects import SUBJECTS  # noqa: PLC0415 - models are there only after the set-up
    from triggers.door.app import Door  # noqa: PLC0415

    make = SUBJECTS[subject]
    door = Door() if make is Door else None
    config = web.configured(door or OnItsLoop(make), lifespan="off", door=door)
    config.load()
    interpreter.leave_out_what_stays()
    made = socket.create_server(("127.0.0.1", 0), backlog=512)
    # As the web process gets it: made anew, a socket knows that it is TCP, and asyncio sends without Nagle's delay.
    listener = socket.socket(fileno=made.detach())
    waiting = undecided()
    tell({"port": listener.getsockname()[1], "path": make_hook()})

    def end() -> NoReturn:
        try:
            sys.stdin.read()
            tell({"undecided": undecided() - waiting})
        finally:
            # Threads of a subject that was measured are nobody's to wait for.
            os._exit(0)

    threading.Thread(target=end).start()
    uvicorn.Server(config).run(sockets=[listener])
    raise SystemExit(0)


def tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def engine() -> NoReturn:
    """The engine's decider with a backlog that never ends: pull requests, one event each."""
    from triggers.services.decide.pending import decide_pending  # noqa: PLC0415

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


def begin_to_decide() -> None:
    """Start the engine's loop that decides, woken as the engine is."""
    from dct_site.engine.loops import Loops  # noqa: PLC0415
    from dct_site.engine.work import engine_loops  # noqa: PLC0415
    from dct_site.kernel.wake import Role, Topic, WakeListener, run_directory  # noqa: PLC0415

    loops = Loops([loop for loop in engine_loops() if loop.topic is Topic.DECIDE])
    loops.start()
    WakeListener(run_directory(), Role.ENGINE, lambda _topics: loops.wake(Topic.DECIDE)).start()


def decide() -> NoReturn:
    """The engine's loop that decides, until killed."""
    begin_to_decide()
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
    # To standard error: the lines of figures are for programs.
    configure(role="bench", as_json=False)
    interpreter.leave_out_what_stays()
    if words[0] in BESIDE:
        BESIDE[words[0]]()
    serve(words[0])


if __name__ == "__main__":
    main(sys.argv[1:])
