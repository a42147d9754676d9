"""The library's items: put on a card, taken off, made by hand."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Connection
from accounts.services import audit
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.services.untrusted import strip_invisible


class BadItem(ValueError):
    """The item cannot be made; the message says why."""


def create_item(
    *,
    connection: Connection,
    kind: ItemKind,
    external_key: str,
    title: str = "",
    url: str = "",
    by: Actor,
    now: datetime,
) -> ContextItem:
    """The item with this key on a card, whether or not something was heard of it before.

    Raises BadItem for a key that is empty, too long or carries control characters.
    """
    key = external_key.strip()
    if not key or len(key) > 500 or strip_invisible(key) != key:
        raise BadItem("A key has 1 to 500 characters and nothing invisible in it.")
    if url and not url.startswith(("https://", "http://")):
        raise BadItem("An address begins with https:// or http://.")
    with transaction.atomic():
        item, is_new = ContextItem.objects.get_or_create(
            connection=connection,
            kind=kind,
            external_key=key,
            defaults={"title": strip_invisible(title)[:300], "url": url[:1000], "created_at": now, "is_watched": True},
        )
        if is_new:
            audit.record(by=by, action="item.created", obj=item, now=now, after={"kind": str(kind), "key": key})
        else:
            watch(item=item, by=by, now=now)
    return item


def watch(*, item: ContextItem, by: Actor, now: datetime) -> ContextItem:
    """Show the item as a card. One that is shown already stays as it is."""
    return _set_watched(item, True, "item.watched", by, now)


def unwatch(*, item: ContextItem, by: Actor, now: datetime) -> ContextItem:
    """Take the item's card off the library; its history and its listeners stay."""
    return _set_watched(item, False, "item.unwatched", by, now)


def _set_watched(item: ContextItem, is_watched: bool, action: str, by: Actor, now: datetime) -> ContextItem:
    with transaction.atomic():
        changed = ContextItem.objects.filter(pk=item.pk).exclude(is_watched=is_watched).update(is_watched=is_watched)
        item.is_watched = is_watched
        if changed:
            audit.record(by=by, action=action, obj=item, now=now, after={"is_watched": is_watched})
    return item
