"""The engine's process: loops on threads, the supervisor of agents on the main thread's event loop, the clock."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import django
import structlog
from django.conf import settings

from dct_site import interpreter
from dct_site.kernel.clock import utcnow
from dct_site.layer import channel_layer
from dct_site.logs import configure
from dct_site.parent import leash

GRACE_S = 10.0
BEAT_S = 5.0
log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from agents.supervisor import Supervisor
    from dct_site.engine.loops import Loops
    from dct_site.kernel.wake import WakeListener


def main(argv: list[str]) -> int:
    """Work until SIGTERM; then take nothing new, give agents back within the grace, and end."""
    parser = argparse.ArgumentParser(prog="dct_site.engine")
    parser.add_argument("--agents-only", action="store_true", help="supervise agents and nothing else (many machines)")
    args = parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    interpreter.take_short_turns()
    django.setup()
    configure(role="agents" if args.agents_only else "engine", as_json=settings.DCT_LOG_FORMAT == "json")
    leash.follow()
    asyncio.run(_work(agents_only=args.agents_only))
    return 0


async def _work(*, agents_only: bool) -> None:
    from agents.supervisor import Supervisor  # noqa: PLC0415 - models are there only now
    from dct_site.engine.loops import Loops  # noqa: PLC0415
    from dct_site.engine.work import OWNER, engine_loops  # noqa: PLC0415

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    supervisor = Supervisor(owner=OWNER, data_dir=Path(settings.DCT_DATA_DIR))
    loops = Loops([] if agents_only else engine_loops())

    def end() -> None:
        stop.set()
        supervisor.wake()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    ear = None if settings.SCALED else _listen(loops, supervisor)
    beside = [loop.create_task(_beat("agents" if agents_only else "engine", OWNER))]
    if settings.DCT_CHANNEL_URL:
        beside.append(loop.create_task(_take_hints(supervisor.wake)))
    interpreter.leave_out_what_stays()
    loops.start()
    log.info("engine_started", owner=OWNER, agents_only=agents_only)
    await supervisor.run_forever(stop)
    still_at_work = await asyncio.to_thread(loops.stop, grace_s=GRACE_S)
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    if ear is not None:
        ear.close()
    log.info("engine_stopped", still_at_work=still_at_work)


def _listen(loops: "Loops", supervisor: "Supervisor") -> "WakeListener":
    """One machine: wake-ups come over a socket; each goes to the loop (or the supervisor) that works on its topic."""
    from dct_site.kernel.wake import Role, Topic, WakeListener, run_directory  # noqa: PLC0415

    def heard(topics: frozenset[Topic]) -> None:
        for topic in topics:
            if topic is Topic.SUPERVISE:
                supervisor.wake()
            else:
                loops.wake(topic)

    return WakeListener(run_directory(), Role.ENGINE, heard).start()


async def _beat(role: str, owner: str) -> None:
    """A sign of life every few seconds, and its end with a clean stop."""
    from accounts.services.heartbeat import beat, retire  # noqa: PLC0415
    from dct_site.kernel.process.sandbox import detect  # noqa: PLC0415

    facts = {"pid": os.getpid(), "sandbox": str(await asyncio.to_thread(detect))}
    try:
        while True:
            try:
                await asyncio.to_thread(beat, role=role, owner=owner, now=utcnow(), facts=facts)
            except Exception as error:  # noqa: BLE001 - the loop's edge: the database may be away for a moment
                log.warning("beat_failed", error=str(error))
            await asyncio.sleep(BEAT_S)
    finally:
        await asyncio.to_thread(retire, role=role, owner=owner)


async def _take_hints(wake: Callable[[], None]) -> None:
    """Many machines: the supervisor is woken over the channel layer; what is lost is found by its own sweep."""
    layer = channel_layer()
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add("dct.supervise", channel)
            while True:
                await layer.receive(channel)
                wake()
        except Exception as error:  # noqa: BLE001 - the layer's server may be away; sweeping goes on
            log.warning("supervise_hints_lost", error=str(error))
            await asyncio.sleep(1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
