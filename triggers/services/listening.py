"""Listeners: the rows by which an item or a connection is watched, and which trigger listens to which of them."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from dct_site.kernel import moves
from triggers.documents import ListenerPart
from triggers.enums import ListenerType
from triggers.models import ContextListener, RevisionListener, TriggerListener, TriggerRevision
from triggers.services import generation
from workspaces.models import ContextItem
from workspaces.services import items


def listen(*, revision: TriggerRevision, parts: Sequence[ListenerPart], now: datetime) -> None:
    """Let a revision's trigger listen to exactly these parts, inside the publishing transaction."""
    listeners = {row.pk: row for row in (_listener_of(part, now) for part in parts)}
    RevisionListener.objects.bulk_create(
        RevisionListener(revision=revision, listener=row) for row in listeners.values()
    )
    standing = TriggerListener.objects.filter(trigger_id=revision.trigger_id)
    standing.exclude(listener_id__in=listeners).delete()
    known = set(standing.values_list("listener_id", flat=True))
    TriggerListener.objects.bulk_create(
        TriggerListener(trigger_id=revision.trigger_id, listener=row)
        for key, row in listeners.items()
        if key not in known
    )


def watch_item(*, item: ContextItem, by: Actor, now: datetime) -> ContextItem:
    """Show an item as a library card and keep a listener for it. Watching a watched one changes nothing."""
    with transaction.atomic():
        # What is found under it from now on becomes an item of its own: decisions rest on that.
        generation.bump()
        watched = items.watch(item=item, by=by, now=now)
        listener_for(connection=item.connection, item=item, now=now)
    return watched


def unwatch_item(*, item: ContextItem, by: Actor, now: datetime) -> ContextItem:
    """Take an item's card away. Its history stays, and so do triggers that listen to it."""
    with transaction.atomic():
        generation.bump()
        return items.unwatch(item=item, by=by, now=now)


def listener_for(
    *,
    connection: Connection,
    item: ContextItem | None,
    now: datetime,
    listener_type: str = "",
    polling_interval_ms: int | None = None,
) -> ContextListener:
    """The one listener of an item, or of a whole connection; made where there is none.

    A polled one that exists is polled as often as its most impatient trigger asks. One of an item is due only where
    nothing polls its connection as a whole.
    """
    kind = ListenerType(listener_type) if listener_type else _TYPES.get(connection.source, ListenerType.WEBHOOK)
    row = ContextListener.objects.filter(connection=connection, item=item).first()
    if row is None:
        values = {} if polling_interval_ms is None else {"polling_interval_ms": polling_interval_ms}
        row = ContextListener.objects.create(
            connection=connection,
            item=item,
            listener_type=kind,
            next_due_at=now if _is_polled_by_itself(connection, kind, item) else None,
            created_at=now,
            **values,
        )
        moves.born(row, now=now)
    elif polling_interval_ms is not None and polling_interval_ms < row.polling_interval_ms:
        ContextListener.objects.filter(pk=row.pk).update(polling_interval_ms=polling_interval_ms)
        row.polling_interval_ms = polling_interval_ms
    return row


_TYPES = {Source.EMAIL.value: ListenerType.EMAIL, Source.SCHEDULE.value: ListenerType.SCHEDULE}


def _is_polled_by_itself(connection: Connection, kind: ListenerType, item: ContextItem | None) -> bool:
    if kind in (ListenerType.WEBHOOK, ListenerType.SCHEDULE):
        return False
    return item is None or not ContextListener.objects.filter(connection=connection, item=None).exists()


def _listener_of(part: ListenerPart, now: datetime) -> ContextListener:
    item: ContextItem | None = None
    if part.context_item_id is not None:
        item = ContextItem.objects.select_related("connection").get(pk=part.context_item_id)
    return listener_for(
        connection=item.connection if item is not None else Connection.objects.get(pk=part.connection_id or 0),
        item=item,
        now=now,
        listener_type=part.listener_type,
        polling_interval_ms=part.polling_interval_ms,
    )
