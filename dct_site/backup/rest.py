"""Lays a restored installation to rest: paused, without anybody at work, with an answer for what it had taken in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.core.management import call_command
from django.db import connection, transaction

from accounts.actor import Actor
from accounts.services import audit
from accounts.services.heartbeat import retire_all
from agents.enums import StartStatus
from agents.models import StartRequest
from agents.services.admission import expire_starts, pause_all
from agents.services.reaping import disown, queue_who_holds_a_slot
from dct_site.backup.manifest import Manifest
from dct_site.backup.troubles import Progress
from dct_site.kernel import clock
from deliverables.services.expiry import expire_due
from triggers.models import PendingDelivery
from triggers.selectors.health import secrets_under_lost_keys
from triggers.selectors.invariants import broken
from triggers.services.clock import fire_due
from triggers.services.decide.pending import decide_pending
from triggers.services.leases import free_all
from triggers.services.settle.working import settle_deadlines, settle_some
from triggers.services.watches import elapse_due

PATIENCE_S = 300.0
"""How long what was taken in may be answered for here; the engine goes on with the rest."""


@dataclass(frozen=True)
class Report:
    """What a person should know before work goes on."""

    ended_runs: int
    waiting: int
    undecided: int
    lost_keys: tuple[str, ...]
    broken: tuple[str, ...]


def lay_to_rest(manifest: Manifest, *, is_paused: bool, progress: Progress) -> Report:
    """Bring the tables up to date, end what ran, decide what was undecided, let time pass. Safe to repeat."""
    progress.stage("Bringing it to rest")
    call_command("migrate", interactive=False, verbosity=0)
    now = clock.db_now(connection)
    reason = f"Restored from the backup of {manifest.made_at}."
    if is_paused:
        # First of all: from here on nothing starts, whatever happens to this process.
        pause_all(by=Actor.cli(), now=now, reason=reason)
    retire_all()
    ended = disown(now=now, reason=reason) + free_all(now=now)
    _come_to_rest(progress)
    queue_who_holds_a_slot(now=clock.db_now(connection))
    with transaction.atomic():
        after = {"made_at": manifest.made_at, "dct_version": manifest.dct_version, "is_paused": is_paused}
        audit.record(by=Actor.cli(), action="backup.restored", obj=None, now=clock.db_now(connection), after=after)
    progress.over()
    now = clock.db_now(connection)
    return Report(
        ended_runs=ended,
        waiting=StartRequest.objects.filter(status__in=(StartStatus.WAITING, StartStatus.PARKED)).count(),
        undecided=PendingDelivery.objects.count(),
        lost_keys=tuple(one.text for one in secrets_under_lost_keys()),
        broken=tuple(one.text for one in broken(now=now)),
    )


def _come_to_rest(progress: Progress) -> None:
    """What the engine would do next, without anything that starts or that speaks with the outside."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        now = clock.db_now(connection)
        progress.at(f"({PendingDelivery.objects.count()} deliveries to decide)")
        if not sum(work(now) for work in _PASSES):
            return


_PASSES: tuple[Callable[[datetime], int], ...] = (
    lambda now: fire_due(now=now),
    lambda now: elapse_due(now=now),
    lambda now: decide_pending(now=now),
    lambda now: expire_starts(now=now),
    lambda now: expire_due(now=now),
    lambda now: settle_deadlines(now=now),
    lambda now: settle_some(now=now),
)
