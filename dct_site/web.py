"""The web process: door, pages, API and websockets under one server, on a socket that its parent keeps."""

import argparse
import os
import signal
import socket
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import django
import uvicorn
from django.conf import settings
from django.urls import resolve

from dct_site import interpreter
from dct_site.logs import configure
from dct_site.parent import leash

if TYPE_CHECKING:
    from triggers.door.app import Door


def main(argv: list[str]) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="dct_site.web")
    parser.add_argument("--fd", type=int, required=True, help="a listening socket")
    args = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    interpreter.take_short_turns()
    interpreter.take_all_descriptors()
    django.setup()
    configure(role="web", as_json=settings.DCT_LOG_FORMAT == "json")
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again after its clean end; without a handler that would look like a crash.
        signal.signal(number, lambda *_: None)
    leash.follow()
    application = import_module("dct_site.asgi").application
    config = configured(application, lifespan="on", door=application.door)
    config.load()
    resolve("/")  # with it all pages and their imports
    interpreter.leave_out_what_stays()
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=args.fd)])
    return 0


def configured(app: Any, *, lifespan: Literal["on", "off"], door: "Door | None" = None) -> uvicorn.Config:
    """How an ASGI application is served here, with its ``door`` where it has one; benchmarks serve theirs alike."""
    from triggers.door.protocol import PatientProtocol  # noqa: PLC0415 - models are there only after the set-up
    from triggers.door.straight import StraightProtocol  # noqa: PLC0415

    return uvicorn.Config(
        app,
        loop="asyncio",
        http=PatientProtocol if door is None else partial(StraightProtocol, door=door),  # type: ignore[arg-type] # called
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.PRODUCTION,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=64 * 1024,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
