"""What a wake-up asks for, one function per topic: the engine's threads and Celery's workers call the same ones."""

import os
import socket
import uuid
from collections.abc import Callable
from datetime import datetime

from django.db import connection

from agents.services.admission import admit
from dct_site.engine.loops import Loop
from dct_site.engine.tick import tick
from dct_site.kernel import clock
from dct_site.kernel.wake import Topic
from triggers.services.clock import fire_due
from triggers.services.decide.pending import decide_pending
from triggers.services.due import look_ahead
from triggers.services.keeping.erase_work import erase_some
from triggers.services.launch.admitted import launch_some
from triggers.services.poll import poll_due
from triggers.services.replays.bulk_work import replay_some
from triggers.services.settle.working import settle_some

OWNER = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
"""Names this process in leases."""


def _hear_the_clock() -> int:
    """Fire what is due, and not again at once: among many there is always one more, and together they cost less."""
    fire_due(now=clock.db_now(connection))
    return 0


def _hear_and_look_ahead(_: datetime) -> int:
    """As a loop does, whose process stays: what is due soon is thought out while there is time."""
    now = clock.db_now(connection)
    fire_due(now=now)
    look_ahead(now)
    return 0


WORK: dict[Topic, Callable[[datetime], int]] = {
    Topic.DECIDE: lambda now: decide_pending(now=now),
    Topic.ADMIT: lambda now: admit(now=now),
    Topic.LAUNCH: lambda now: launch_some(owner=OWNER, now=now),
    Topic.SETTLE: lambda now: settle_some(now=now),
    Topic.POLL: lambda now: poll_due(owner=OWNER, now=now),
    Topic.REPLAY: lambda now: replay_some(now=now),
    Topic.ERASE: lambda now: erase_some(now=now),
    Topic.CLOCK: lambda _: _hear_the_clock(),
}
"""What a topic's work is; each returns how many pieces it did."""

LOOPED: dict[Topic, Callable[[datetime], int]] = {Topic.CLOCK: _hear_and_look_ahead}
"""What the engine's own loops do beside it."""

SWEEP_S = 1.0
SWEEPS = {Topic.CLOCK: 0.1}
"""A slot is due at its second, and nobody pokes then."""


def _tick_once(now: datetime) -> int:
    tick(now)
    return 0


def engine_loops() -> list[Loop]:
    """One loop per topic, and the clock."""
    return [
        *(
            Loop(topic.value, LOOPED.get(topic, work), topic, SWEEPS.get(topic, SWEEP_S))
            for topic, work in WORK.items()
        ),
        Loop("tick", _tick_once, None, SWEEP_S),
    ]
