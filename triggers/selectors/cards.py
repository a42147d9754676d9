"""What library cards show beside their items: who listens, which triggers look, how many open things hang below."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.permissions import Person
from triggers.enums import TriggerStatus
from triggers.models import ContextListener, Trigger, TriggerListener
from triggers.selectors.listeners import listeners_visible_to
from triggers.selectors.triggers import triggers_visible_to
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to

RECENT_MAIL = timedelta(days=14)
DRAFTS_LOOKED_AT = 200


@dataclass(frozen=True)
class Facts:
    """What belongs to the cards at hand, by item id. Each listener is annotated with ``heard_at``."""

    listeners: Mapping[int, ContextListener] = field(default_factory=dict)
    triggers: Mapping[int, Sequence[Trigger]] = field(default_factory=dict)
    open_below: Mapping[int, int] = field(default_factory=dict)


def library_rows(*, user: Person, now: datetime) -> QuerySet[ContextItem]:
    """What has a card: everything that is watched, and mail threads of the last two weeks. Annotated with
    ``last_change`` (its own or that of what hangs under it; None: never) and ``moved_at`` (that, or when it was made).
    """
    recent = Q(kind=ItemKind.MAIL_THREAD, changed_at__gte=now - RECENT_MAIL)
    rows = items_visible_to(user=user).filter(Q(is_watched=True) | recent)
    return with_changes(rows)


def with_changes(rows: QuerySet[ContextItem]) -> QuerySet[ContextItem]:
    """Items annotated with ``last_change`` and ``moved_at``, see ``library_rows``."""
    below = ContextItem.objects.filter(parent=OuterRef("pk")).order_by("-changed_at").values("changed_at")[:1]
    changed = rows.annotate(last_change=Coalesce(Subquery(below), "changed_at"))
    return changed.annotate(moved_at=Coalesce("last_change", "created_at"))


def facts_of(items: Sequence[ContextItem], *, user: Person) -> Facts:
    """Everything the cards of these items show, in a fixed number of queries."""
    return Facts(
        listeners=_listeners(items, user),
        triggers=_triggers(items, user),
        open_below=_open_below(items),
    )


def _listeners(items: Sequence[ContextItem], user: Person) -> dict[int, ContextListener]:
    """The listener nearest to each item: its own, that of the one above it, or that of its whole connection."""
    rows = listeners_visible_to(user=user).filter(_hears(items))
    own = {row.item_id: row for row in rows if row.item_id is not None}
    whole = {row.connection_id: row for row in rows if row.item_id is None}
    found = {}
    for item in items:
        candidates = (whole.get(item.connection_id), own.get(item.pk), own.get(item.parent_id or 0))
        # A polled mailbox says more than the row of one of its threads, which nothing checks by itself.
        row = next((one for one in candidates if one is not None), None)
        if row is not None:
            found[item.pk] = row
    return found


def _triggers(items: Sequence[ContextItem], user: Person) -> dict[int, list[Trigger]]:
    ids = [item.pk for item in items] + [item.parent_id for item in items if item.parent_id]
    seen = triggers_visible_to(user=user)
    heard = Q(listener__item_id__in=ids) | Q(
        listener__item=None, listener__connection_id__in={item.connection_id for item in items}
    )
    links = TriggerListener.objects.filter(heard, trigger__in=seen.order_by().values("pk"))
    by_item, by_connection = defaultdict(list), defaultdict(list)
    for link in links.select_related("trigger", "trigger__published", "listener"):
        if link.listener.item_id is None:
            by_connection[link.listener.connection_id].append(link.trigger)
        else:
            by_item[link.listener.item_id].append(link.trigger)
    for trigger in seen.filter(status=TriggerStatus.NEW).order_by("-id")[:DRAFTS_LOOKED_AT]:
        for item_id, connection_id in _named(trigger.draft):
            (by_item[item_id] if item_id else by_connection[connection_id]).append(trigger)
    return {
        item.pk: _ordered([*by_item[item.pk], *by_item[item.parent_id or 0], *by_connection[item.connection_id]])
        for item in items
    }


def _named(draft: Mapping[str, Any]) -> list[tuple[int, int]]:
    """(item id, 0) or (0, connection id) for each thing that an unpublished draft wants to listen to."""
    parts = draft.get("listeners")
    named = []
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            continue
        item_id, connection_id = part.get("context_item_id"), part.get("connection_id")
        if isinstance(item_id, int):
            named.append((item_id, 0))
        elif isinstance(connection_id, int):
            named.append((0, connection_id))
    return named


def _ordered(triggers: Sequence[Trigger]) -> list[Trigger]:
    once = {trigger.pk: trigger for trigger in triggers}
    return sorted(once.values(), key=lambda trigger: (-trigger.priority, trigger.name, trigger.pk))


def _open_below(items: Sequence[ContextItem]) -> dict[int, int]:
    repositories = [item.pk for item in items if item.kind == ItemKind.REPOSITORY]
    if not repositories:
        return {}
    rows = ContextItem.objects.filter(
        parent_id__in=repositories, kind=ItemKind.PULL_REQUEST, state__status__in=["open", "draft"]
    )
    counted: Any = rows.order_by().values_list("parent_id").annotate(count=Count("pk"))
    return dict(counted)


def _hears(items: Sequence[ContextItem]) -> Q:
    ids = [item.pk for item in items] + [item.parent_id for item in items if item.parent_id]
    connections = {item.connection_id for item in items}
    return Q(item_id__in=ids) | Q(item=None, connection_id__in=connections)
