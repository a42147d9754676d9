"""The clock's one function: what is due, and wake-ups for whatever a lost one may have left lying. Calling it too
often is harmless.
"""

from datetime import datetime

from django.db import connection

from accounts.services import answers
from accounts.services.heartbeat import beat, seconds_since
from accounts.services.sealing import seal
from agents.services.admission import expire_starts
from agents.services.record_rules import purge_records
from dct_site.kernel import clock, wake
from dct_site.kernel.wake import Topic
from deliverables.services.expiry import expire_due
from triggers.services.clock import fire_due
from triggers.services.keeping.clearing import clear_due
from triggers.services.keeping.purging import purge_due
from triggers.services.overload import look_at_load
from triggers.services.settle.working import settle_deadlines
from triggers.services.silence import look_for_silence
from triggers.services.watches import elapse_due

SWEPT = (
    *(Topic.DECIDE, Topic.ADMIT, Topic.LAUNCH, Topic.SETTLE, Topic.POLL, Topic.REPLAY, Topic.ERASE, Topic.CLOCK),
    Topic.SUPERVISE,
)
BEAT_S = 5.0


def tick(now: datetime) -> None:
    """Fire what is due, expire, time out, bring back watches whose time is up, seal the audit log, take away what is no
    longer kept, poke every topic once, and say every few seconds that the clock runs.
    """
    # First: what is due does not wait for the rest.
    fire_due(now=clock.db_now(connection))
    age = seconds_since("tick", now=now)
    if age is None or age >= BEAT_S:
        beat(role="tick", owner="clock", now=now, facts={})
    expire_starts(now=now)
    settle_deadlines(now=now)
    expire_due(now=now)
    elapse_due(now=clock.db_now(connection))
    look_for_silence(now=now)
    look_at_load(now=now)
    seal()
    purge_due(now=now)
    clear_due(now=now)
    purge_records(now=now)
    answers.drop_old(now=now)
    for topic in SWEPT:
        wake.poke(topic)
