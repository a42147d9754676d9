"""Silence: a connection of which nothing is heard for much longer than ever before is told, and so is its next word.

Its longest pause is learned as it goes, so nights and weekends are no silence once they were seen. A pause is forgotten
slowly: what was usual a month ago weighs a quarter.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from dct_site.kernel import moves
from dct_site.kernel.moves import LostRace
from triggers.enums import ListenerStatus, ListenerType, Origin
from triggers.models import ContextListener, Event

LOOK_EVERY = timedelta(minutes=5)
LOOK_AGAIN = timedelta(minutes=1)
"""At what is silent: its next word is told soon."""
KNOWN_FOR = timedelta(days=7)
"""Nothing is called silent before a week of it, with its weekend, was seen."""
SHORTEST = timedelta(hours=1)
TIMES = 3
HALF_LIFE = timedelta(days=14)
LATEST = 20


def look_for_silence(*, now: datetime, limit: int = 10) -> int:
    """Look at up to ``limit`` listeners whose turn it is, each with the others of its connection; returns how many.

    Called by the clock; safe to call from anywhere, any number of times at once.
    """
    due = ContextListener.objects.filter(Q(next_look_at=None) | Q(next_look_at__lte=now))
    rows = due.exclude(listener_type=ListenerType.SCHEDULE).order_by("next_look_at", "pk")
    connections = list(dict.fromkeys(rows.values_list("connection_id", flat=True)[:limit]))
    for connection_id in connections:
        _look(connection_id, now)
    return len(connections)


def is_silent(*, pause: timedelta, longest: timedelta, known_for: timedelta) -> bool:
    """Whether a pause is a silence, by the longest one so far."""
    return known_for >= KNOWN_FOR and pause > max(SHORTEST, TIMES * longest)


def _look(connection_id: int, now: datetime) -> None:
    rows = list(
        ContextListener.objects.filter(connection_id=connection_id)
        .exclude(listener_type=ListenerType.SCHEDULE)
        .select_related("connection")
        .order_by("pk")
    )
    first = rows[0]
    since, until, longest = first.known_since, first.known_until, timedelta(seconds=first.longest_pause_s)
    heard = _heard_at(connection_id)
    if until is None:
        since = until = heard
    elif heard is not None and heard > until:
        longest = max(longest * _fading(heard - until), _next_after(connection_id, until, heard) - until)
        until = heard
    silent = (
        first.connection.is_enabled
        and since is not None
        and until is not None
        and is_silent(pause=now - until, longest=longest, known_for=now - since)
    )
    reason = "" if not silent or until is None else f"Nothing since {until:%d %b %H:%M} UTC, longer than ever."
    with transaction.atomic():
        ContextListener.objects.filter(pk__in=[row.pk for row in rows]).update(
            next_look_at=now + (LOOK_AGAIN if silent else LOOK_EVERY),
            known_since=since,
            known_until=until,
            longest_pause_s=longest.total_seconds(),
        )
        _tell(rows, is_silent=silent, reason=reason, now=now)


def _tell(rows: Sequence[ContextListener], *, is_silent: bool, reason: str, now: datetime) -> None:
    """Move those that stand otherwise; what is paused, or fails, has a word of its own."""
    came_from, to = ListenerStatus.HEALTHY, ListenerStatus.SILENT
    if not is_silent:
        came_from, to = to, came_from
    for row in rows:
        if row.status != came_from:
            continue
        try:
            moves.move(row, to, now=now, reason=reason or "It is heard of again.", status_reason=reason)
        except LostRace:
            continue  # it has a newer word by now


def _heard_at(connection_id: int) -> datetime | None:
    """When something came from outside last; replays and timers are nobody's word. Looks at LATEST events."""
    latest = Event.objects.filter(connection=connection_id).order_by("-id").values_list("origin", "accepted_at")
    return next((at for origin, at in latest[:LATEST] if origin == Origin.LIVE), None)


def _next_after(connection_id: int, at: datetime, heard: datetime) -> datetime:
    """When the pause that began ``at`` ended."""
    rows = Event.objects.filter(connection=connection_id, purged_at=None, origin=Origin.LIVE)
    found = rows.filter(accepted_at__gt=at).order_by("accepted_at").values_list("accepted_at", flat=True).first()
    return found or heard


def _fading(span: timedelta) -> float:
    return float(0.5 ** (span / HALF_LIFE))
