"""The library's items in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin, RoleInline, person
from accounts.operations import Operation
from accounts.permissions import require, visible
from triggers.services import cards, listening
from workspaces.enums import ItemKind
from workspaces.models import ContextItem, ItemState

_LISTEN = Operation.PUBLISH_TRIGGERS


def _watch(is_watched: bool) -> Do:
    def do(row: ContextItem, by: Actor, now: datetime) -> bool:
        if row.is_watched == is_watched:
            return False
        (listening.watch_item if is_watched else listening.unwatch_item)(item=row, by=by, now=now)
        return True

    return do


class StateInline(RoleInline):
    model = ItemState
    shown = ("version", "changes", "event_id", "trust_tier", "at")
    verbose_name_plural = "states it was in"


@admin.register(ContextItem)
class ContextItemAdmin(RoleAdmin):
    """Things that are watched, and what was found under them."""

    adding = _LISTEN
    list_display = ("id", "__str__", "kind", "connection", "is_watched", "changed_at")
    list_filter = ("kind", "is_watched")
    list_select_related = ("connection",)
    numbers = ("id", "connection_id", "parent_id")
    search_fields = ("external_key__exact", "external_key__startswith")
    shown = (
        "title",
        "kind",
        "external_key",
        "connection",
        "parent",
        "url",
        "is_watched",
        "state",
        "state_version",
        "upstream_version",
        "changed_at",
        "created_at",
    )
    fields_to_add = ("connection", "kind", "external_key", "title", "url")
    inlines = (StateInline,)
    actions = (
        act("Show as a card", _LISTEN, _watch(True), done="shown", already="shown already"),
        act("Take the card away", _LISTEN, _watch(False), done="taken away", already="not shown"),
    )

    def choices_of(self, db_field: ForeignKey[Any, Any], request: HttpRequest) -> QuerySet[Any]:
        rows = super().choices_of(db_field, request)
        return visible(rows, user=person(request), operation=_LISTEN) if db_field.name == "connection" else rows

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> ContextItem:
        require(person(request), _LISTEN, values["connection"])
        return cards.add_card(
            connection=values["connection"],
            kind=ItemKind(values["kind"]),
            external_key=values["external_key"],
            title=values["title"],
            url=values["url"] or "",
            by=by,
            now=now,
        )
