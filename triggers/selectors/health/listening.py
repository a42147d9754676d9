"""How listeners stand: what fails, what nobody polls, what is silent, and a door that is asked for nearly too much."""

from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil

from django.db.models import Exists, OuterRef, Q

from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener, Delivery, WebhookEndpoint
from triggers.selectors.health.look import Look
from triggers.selectors.health.rules import WARNING, Told

UNPOLLED_AFTER = timedelta(minutes=2)
NEAR = 0.8
SHOWN = 10
MINUTE = timedelta(minutes=1)
MOST_COUNTED = 500
"""Deliveries of a connection that are counted; beyond them its rate is told from how long so many took."""


def standing(status: ListenerStatus, state: str) -> Callable[[Look], list[Told]]:
    """The rule about listeners that stand so; each connection is told once, with how many of its listeners do."""

    def look(at: Look) -> list[Told]:
        if status not in at.standings:
            return []
        rows = ContextListener.objects.filter(status=status).select_related("connection").order_by("connection", "pk")
        told: dict[str, tuple[str, int]] = {}
        for row in rows[:100]:
            reason, count = told.get(row.connection.name, (row.status_reason, 0))
            told[row.connection.name] = (reason, count + 1)
        found = []
        for name, (reason, count) in list(told.items())[:SHOWN]:
            many = f" ({count} listeners)" if count > 1 else ""
            found.append(Told(state, f"{name}{many}: {status.label.lower()}. {reason}".strip()))
        return found

    return look


def unpolled(at: Look) -> list[Told]:
    """Polls that are long due and that nobody makes."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=at.now)
    late = (
        ContextListener.objects.filter(free, next_due_at__lt=at.now - UNPOLLED_AFTER, connection__is_enabled=True)
        .exclude(listener_type__in=(ListenerType.WEBHOOK, ListenerType.SCHEDULE))
        .exclude(status=ListenerStatus.PAUSED)
        .select_related("connection")
        .order_by("next_due_at")
    )
    return [
        Told(
            WARNING,
            f"{row.connection.name} has been due for {_minutes(at.now - row.next_due_at)} and nobody polls it; "
            f"it is to be polled each {row.polling_interval_ms / 1000:g} s.",
        )
        for row in late[:SHOWN]
        if row.next_due_at is not None
    ]


def busy_doors(at: Look) -> list[Told]:
    """Webhooks that take nearly as many deliveries a minute as they may; more would be turned away."""
    lately = Delivery.objects.filter(
        connection_id=OuterRef("connection_id"), purged_at=None, received_at__gt=at.now - MINUTE
    )
    rows = WebhookEndpoint.objects.filter(Exists(lately), is_enabled=True).order_by("rate_per_minute")
    found = []
    # The smallest limits first: of a thousand endpoints those are looked at that fill up soonest.
    for connection_id, name, limit in rows.values_list("connection_id", "connection__name", "rate_per_minute")[:SHOWN]:
        rate = _per_minute(connection_id, limit, at.now)
        if rate >= limit * NEAR:
            found.append(Told(WARNING, f"{name} takes {rate:.0f} of the {limit:,} deliveries a minute that it may."))
    return found


def _per_minute(connection_id: int, limit: int, now: datetime) -> float:
    """Deliveries a minute of now; 0 where they are few against the limit. Looks at MOST_COUNTED index entries."""
    rows = Delivery.objects.filter(connection_id=connection_id, purged_at=None, received_at__gt=now - MINUTE)
    latest = rows.order_by("-received_at").values_list("received_at", flat=True)
    few = max(1, min(ceil(limit * NEAR), MOST_COUNTED))
    since = next(iter(latest[few - 1 : few]), None)
    if since is None:
        return 0.0
    if few < MOST_COUNTED:
        return float(min(latest[:limit].count(), limit))
    return few / max((now - since) / MINUTE, 1 / 60)


def _minutes(span: timedelta) -> str:
    minutes = int(span / MINUTE)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
