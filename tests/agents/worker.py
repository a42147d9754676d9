"""A supervisor (or one admission) in a process of its own, which a test may stop or kill."""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


async def supervise() -> None:
    """Until SIGTERM."""
    from tests.agents.supervising import supervisor  # noqa: PLC0415 - models are there only now

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await supervisor("first").run_forever(stop)


def admit_once() -> None:
    """One pass with a handler that takes anything."""
    from agents.services import admission  # noqa: PLC0415
    from agents.starts import starts  # noqa: PLC0415
    from tests.agents.handlers import RecordingHandler  # noqa: PLC0415

    starts.register("test", RecordingHandler())
    admission.admit(now=datetime.now(UTC))


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "admit":
        admit_once()
    else:
        asyncio.run(supervise())
