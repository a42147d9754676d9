"""Puts a thing on a library card by its key outside, before anything was heard of it."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection
from triggers.services.listening import watch_item
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.services import items
from workspaces.services.items import BadItem


def add_card(
    *,
    connection: Connection,
    kind: ItemKind,
    external_key: str,
    by: Actor,
    now: datetime,
    title: str = "",
    url: str = "",
) -> ContextItem:
    """The item with this key, watched: a card, a listener, and what is found under it becomes items. Raises BadItem."""
    if kind == ItemKind.SCHEDULE or connection.source == Source.SCHEDULE:
        raise BadItem("A schedule has times: make it as a schedule.")
    with transaction.atomic():
        item = items.create_item(
            connection=connection, kind=kind, external_key=external_key, title=title, url=url, by=by, now=now
        )
        return watch_item(item=item, by=by, now=now)
