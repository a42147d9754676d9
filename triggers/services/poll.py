"""Polling: listeners that are due are claimed, polled outside any transaction, and what came is stored with the cursor.

The cursor moves only in the transaction that stores what stands before it (promise 23). Each poll has a thread of its
own that touches no database: a server that does not answer holds up nobody else (promise 24). What takes longer than a
call waits for is harvested by a later one, which the thread pokes.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Secret
from agents.enums import Rung
from agents.ladder import POLLS_SLOWER
from agents.selectors.overload import rung_now
from dct_site.kernel import wake
from dct_site.kernel.about import about
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.crypto import WrongKey
from dct_site.kernel.moves import LostRace
from dct_site.kernel.wake import Topic
from triggers.enums import ListenerStatus, Origin
from triggers.models import ContextListener
from triggers.services import listeners
from triggers.services.intake import Incoming, accept
from triggers.services.keeping.retention import known_since
from triggers.services.listeners import UNPOLLED, Health
from triggers.sources import registry
from triggers.sources.base import Arrival, Polled, PollFailed, PollFailure

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
"""A claim that outlives it belongs to a process that is gone; each call renews those of the polls under way."""
RENEW_BEFORE = timedelta(seconds=20)
AT_ONCE = 8
PATIENCE_S = 1.0


class _Lost(Exception):
    """Somebody else holds the listener by now, or it was paused; what this poll brought is dropped."""


@dataclass
class _Poll:
    """One poll under way. ``row`` is the listener as it was claimed."""

    row: ContextListener
    owner: str
    secrets: Mapping[str, str] | PollFailed
    known_since: datetime
    done: threading.Event = field(default_factory=threading.Event)
    result: Polled | PollFailed | None = None
    seconds: float = 0.0

    def start(self, now: datetime) -> None:
        name = f"dct-poll-{self.row.pk}"
        threading.Thread(target=self._run, args=(now,), name=name, daemon=True).start()

    def _run(self, now: datetime) -> None:
        with about(listener=self.row.pk, connection=self.row.connection_id):
            self._run_about(now)

    def _run_about(self, now: datetime) -> None:
        began = time.monotonic()
        try:
            self.result = self._poll(now)
        except PollFailed as failed:
            self.result = failed
        except Exception as wrong:  # a thread's edge: the listener's row says what failed
            log.exception("poll.broken")
            self.result = PollFailed(PollFailure.PROTOCOL, f"The poll went wrong ({type(wrong).__name__}).")
        finally:
            self.seconds = time.monotonic() - began
            self.done.set()
            wake.poke(Topic.POLL)

    def _poll(self, now: datetime) -> Polled:
        if isinstance(self.secrets, PollFailed):
            raise self.secrets
        poller = registry.get(self.row.connection.source).poller
        if poller is None:
            raise PollFailed(PollFailure.SETTINGS, "This source is not polled.")
        return poller.poll(
            config=self.row.connection.config,
            secrets=self.secrets,
            cursor=self.row.cursor,
            known_since=self.known_since,
            now=now,
        )


class Polls:
    """The polls that are under way in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: list[_Poll] = []

    def take_done(self, owner: str) -> list[_Poll]:
        """Those of ``owner`` that have ended; each is handed out once."""
        with self._lock:
            done = [poll for poll in self._under_way if poll.owner == owner and poll.done.is_set()]
            self._under_way = [poll for poll in self._under_way if poll not in done]
        return done

    def under_way(self) -> list[_Poll]:
        """Those that have not ended."""
        with self._lock:
            return [poll for poll in self._under_way if not poll.done.is_set()]

    def room(self) -> int:
        """How many more may be started."""
        with self._lock:
            return max(0, AT_ONCE - len(self._under_way))

    def is_busy(self) -> bool:
        """Whether any has not been handed out yet."""
        with self._lock:
            return bool(self._under_way)

    def start(self, polls: Sequence[_Poll], now: datetime) -> None:
        """Begin each on a thread of its own."""
        with self._lock:
            self._under_way.extend(polls)
        for poll in polls:
            poll.start(now)


polls = Polls()


def poll_due(*, owner: str, now: datetime, limit: int = 5) -> int:
    """Poll up to ``limit`` listeners that are due; return how many polls came to an end.

    Waits PATIENCE_S at most; a poll that takes longer is finished by a later call of the same process. ``owner`` names
    the process. Safe to call from anywhere, any number of times at once.
    """
    ended = _harvest(owner, now)
    _renew(owner, now)
    fresh = _claim(owner, now, min(limit, polls.room()))
    polls.start(fresh, now)
    until = time.monotonic() + PATIENCE_S
    for poll in fresh:
        poll.done.wait(max(0.0, until - time.monotonic()))
    return ended + _harvest(owner, now)


def _harvest(owner: str, now: datetime) -> int:
    done = polls.take_done(owner)
    for poll in done:
        with about(listener=poll.row.pk, connection=poll.row.connection_id):
            try:
                _finish(poll, now)
            except (_Lost, LostRace) as lost:
                log.info("poll.dropped", why=str(lost))
                _claim_of(poll).update(claimed_by="", claimed_until=None)
    return len(done)


def _renew(owner: str, now: datetime) -> None:
    """Go on holding what is being polled; a claim that somebody else has taken over stays theirs."""
    for poll in polls.under_way():
        until = poll.row.claimed_until
        is_short = poll.owner == owner and until is not None and until - now < RENEW_BEFORE
        if is_short and _claim_of(poll).update(claimed_until=now + LEASE):
            poll.row.claimed_until = now + LEASE


def _claim(owner: str, now: datetime, limit: int) -> list[_Poll]:
    """Claim listeners that are due, the longest due first, by compare-and-swap."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    due = (
        ContextListener.objects.filter(free, next_due_at__lte=now, connection__is_enabled=True)
        .exclude(listener_type__in=UNPOLLED)
        .exclude(status=ListenerStatus.PAUSED)
        .select_related("connection")
        .order_by("next_due_at", "pk")
    )
    claimed = []
    for row in due[:limit]:
        mine = ContextListener.objects.filter(free, pk=row.pk, next_due_at=row.next_due_at)
        if mine.update(claimed_by=owner, claimed_until=now + LEASE):
            row.claimed_by, row.claimed_until = owner, now + LEASE
            claimed.append(_Poll(row, owner, _secrets(row.connection_id), known_since(row.connection, now)))
    return claimed


def _secrets(connection_id: int) -> Mapping[str, str] | PollFailed:
    try:
        return {row.name: row.value for row in Secret.objects.filter(connection_id=connection_id, expires_at=None)}
    except WrongKey as wrong:
        return PollFailed(PollFailure.LOCKED, str(wrong))


def _finish(poll: _Poll, now: datetime) -> None:
    """Store what a poll brought, where it got to and how the listener stands, all or nothing."""
    seconds = listeners.with_seconds({}, poll.row.cursor, poll.seconds)[listeners.SECONDS]
    if isinstance(poll.result, Polled):
        result = poll.result
        cursor = listeners.with_seconds(result.cursor, poll.row.cursor, poll.seconds)
        health = listeners.after_success(
            row=poll.row,
            took_s=seconds,
            has_more=result.has_more,
            now=now,
            slower=POLLS_SLOWER if rung_now(now) >= Rung.POLLS_SLOW else 1.0,
        )
        _store(poll, result.arrivals, health, {"cursor": cursor}, now)
        return
    failed = poll.result or PollFailed(PollFailure.PROTOCOL, "The poll did not end.")
    log.warning("poll.failed", failure=failed.failure, why=str(failed))
    health = listeners.after_failure(row=poll.row, failed=failed, now=now)
    _store(poll, (), health, {"cursor": {**poll.row.cursor, listeners.SECONDS: seconds}}, now)


def _store(poll: _Poll, arrivals: Sequence[Arrival], health: Health, values: Mapping[str, Any], now: datetime) -> None:
    crashpoint("poll.fetched")
    row = poll.row
    incoming = [_incoming(row, arrival, now) for arrival in arrivals]
    with transaction.atomic():
        if incoming:
            accept(incoming)
        crashpoint("poll.stored")
        _let_go(poll)
        listeners.set_health(row=row, health=health, now=now, last_checked=now, **values)
    crashpoint("poll.committed")


def _let_go(poll: _Poll) -> None:
    """End the claim. Raises _Lost where it is no longer this poll's: then nothing of it is stored."""
    held = _claim_of(poll).filter(status=poll.row.status)
    if held.update(claimed_by="", claimed_until=None) != 1:
        raise _Lost("paused, or claimed by somebody else")


def _claim_of(poll: _Poll) -> "QuerySet[ContextListener]":
    return ContextListener.objects.filter(pk=poll.row.pk, claimed_by=poll.owner, claimed_until=poll.row.claimed_until)


def _incoming(row: ContextListener, arrival: Arrival, now: datetime) -> Incoming:
    return Incoming(
        connection_id=row.connection_id,
        source=row.connection.source,
        body=arrival.body,
        received_at=now,
        origin=Origin.LIVE,
        delivery_key=arrival.delivery_key,
        headers=arrival.headers,
        trust_tier=arrival.trust_tier,
    )
