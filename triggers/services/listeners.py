"""Listeners' health: how a poll's end changes it, and people's pause, resume and poll-now."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener, Schedule
from triggers.sources.base import PollFailed, PollFailure

SLOW_S = 10.0
SLOW_OF = (3, 5)
"""So many slow polls of the last so many are a sign."""
DEGRADED_AFTER = 2
BREAKER_AFTER = 5
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 900.0
LOOK_FOR_KEY_S = 30.0
SECONDS = "seconds"
"""Where a listener's cursor keeps how long the last polls took."""


UNPOLLED = (ListenerType.WEBHOOK, ListenerType.SCHEDULE)
"""What comes by itself."""


class NotPolled(Exception):
    """The listener is not one that polls; the message says what it is."""


@dataclass(frozen=True)
class Health:
    """How a listener stands after a poll, and when it is next due."""

    status: ListenerStatus
    reason: str
    failures: int
    next_due_at: datetime


def after_success(
    *,
    row: ContextListener,
    took_s: Sequence[float],
    has_more: bool,
    now: datetime,
    slower: float = 1.0,
    luck: float | None = None,
) -> Health:
    """Healthy, or degraded where polls have become slow. ``took_s``: the last polls' seconds, newest last; ``slower``:
    by how much the next one waits longer, under overload.
    """
    slow = sum(1 for seconds in took_s[-SLOW_OF[1] :] if seconds > SLOW_S)
    wait = timedelta(milliseconds=row.polling_interval_ms * _spread(0.1, luck)) * slower
    due = now if has_more and slower <= 1 else now + wait
    if slow >= SLOW_OF[0]:
        reason = f"{slow} of the last {len(took_s[-SLOW_OF[1] :])} polls took longer than {SLOW_S:.0f} seconds."
        return Health(ListenerStatus.DEGRADED, reason, 0, due)
    if row.status == ListenerStatus.SILENT:  # the poll goes well; that nothing comes of it is another matter
        return Health(ListenerStatus.SILENT, row.status_reason, 0, due)
    return Health(ListenerStatus.HEALTHY, "", 0, due)


def after_failure(*, row: ContextListener, failed: PollFailed, now: datetime, luck: float | None = None) -> Health:
    """Tried again later and later, up to 15 minutes; a source that asks to wait is left alone for as long.

    Refused credentials are tried rarely from the first time on: some servers lock an account that is tried too often.
    """
    failures = row.failures + 1
    is_locked = failed.failure == PollFailure.LOCKED
    is_refused = is_locked or failed.failure == PollFailure.CREDENTIALS
    wait_s = LONGEST_PAUSE_S if is_refused else min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(failures - 1, 20))
    # Nobody is asked while the key is not there: a key that is put back is found soon.
    wait_s = LOOK_FOR_KEY_S if is_locked else wait_s
    wait_s = max(wait_s, row.polling_interval_ms / 1000 if wait_s < LONGEST_PAUSE_S else 0.0) * _spread(0.2, luck)
    due = now + timedelta(seconds=max(wait_s, failed.retry_after_s))
    status = ListenerStatus(row.status)
    if is_refused:
        status = ListenerStatus.CREDENTIAL_EXPIRED
    elif failures >= BREAKER_AFTER:
        status = ListenerStatus.BREAKER_OPEN
    elif failures >= DEGRADED_AFTER and status == ListenerStatus.HEALTHY:
        status = ListenerStatus.DEGRADED
    return Health(status, f"{failed} Next try at {due:%H:%M:%S} UTC."[:500], failures, due)


def set_health(*, row: ContextListener, health: Health, now: datetime, **fields: Any) -> None:
    """Write a poll's end onto the listener in the caller's transaction; a changed status with its journal entry."""
    values = {"failures": health.failures, "next_due_at": health.next_due_at, "status_reason": health.reason, **fields}
    if row.status != health.status:
        moves.move(row, health.status, now=now, reason=health.reason, **values)
        return
    ContextListener.objects.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)


def poll_now(*, listener: ContextListener, by: Actor, now: datetime) -> ContextListener:
    """Poll at the next chance instead of when due. Raises NotPolled for what is not polled, and for a paused one."""
    _must_poll(listener)
    if listener.listener_type == ListenerType.SCHEDULE:
        raise NotPolled("This listener waits for the clock. Fire its trigger by hand to run it now.")
    if listener.status == ListenerStatus.PAUSED:
        raise NotPolled("This listener is paused: resume it first.")
    with transaction.atomic():
        ContextListener.objects.filter(pk=listener.pk).update(next_due_at=now)
        listener.next_due_at = now
        audit.record(by=by, action="listener.polled_by_hand", obj=listener, now=now)
        poke_on_commit(Topic.POLL)
    return listener


def pause_listener(*, listener: ContextListener, by: Actor, now: datetime) -> ContextListener:
    """Stop polling until resumed; a poll under way brings nothing in, and no slot of a schedule fires. Pausing a paused
    one changes nothing.
    """
    _must_poll(listener)
    if listener.status == ListenerStatus.PAUSED:
        return listener
    reason = f"Paused by {by.label}."
    with transaction.atomic():
        moves.move(
            listener,
            ListenerStatus.PAUSED,
            now=now,
            reason=reason,
            by=by.label,
            status_reason=reason[:500],
            next_due_at=None,
        )
        Schedule.objects.filter(listener=listener).update(next_at=None)
        audit.record(by=by, action="listener.paused", obj=listener, now=now)
    return listener


def resume_listener(*, listener: ContextListener, by: Actor, now: datetime) -> ContextListener:
    """Poll again, from where it stopped: what came meanwhile comes in now. What a schedule missed meanwhile is settled
    by its own policy. Resuming a running one changes nothing.
    """
    _must_poll(listener)
    if listener.status != ListenerStatus.PAUSED:
        return listener
    with transaction.atomic():
        moves.move(
            listener,
            ListenerStatus.HEALTHY,
            now=now,
            reason="Resumed.",
            by=by.label,
            status_reason="",
            failures=0,
            next_due_at=now if listener.listener_type not in UNPOLLED else None,
        )
        Schedule.objects.filter(listener=listener, deleted_at=None).update(next_at=now)
        audit.record(by=by, action="listener.resumed", obj=listener, now=now)
        for topic in (Topic.POLL, Topic.CLOCK):
            poke_on_commit(topic)
    return listener


def with_seconds(cursor: Mapping[str, Any], before: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The source's cursor as it is stored: with how long this poll and the last ones took."""
    kept = before.get(SECONDS)
    known = [float(one) for one in kept if isinstance(one, int | float)] if isinstance(kept, list) else []
    return {**cursor, SECONDS: [*known, round(seconds, 2)][-SLOW_OF[1] :]}


def _must_poll(listener: ContextListener) -> None:
    if listener.listener_type == ListenerType.WEBHOOK:
        raise NotPolled("This listener waits for webhooks: it polls nothing.")


def _spread(by: float, luck: float | None) -> float:
    """A factor around 1, so that what failed together is not tried together. ``luck`` is from 0 to 1."""
    return 1 - by + 2 * by * (random.random() if luck is None else luck)  # noqa: S311 - jitter, not secrecy
