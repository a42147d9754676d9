"""Items as library cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.templatetags.spans import duration_words
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener
from triggers.selectors.cards import Facts, facts_of
from triggers.views.demo import button_for
from triggers.views.rights import allowed_ids
from triggers.views.shown import Rights, Shown, last_runs, shown_trigger
from workspaces.enums import ItemKind
from workspaces.models import ContextItem

LABELS_SHOWN = 4


@dataclass(frozen=True)
class _Deck:
    """What all cards of one page share."""

    facts: Facts
    rights: Rights
    last: Mapping[int, Shown]
    may_create: bool
    watchers: frozenset[int]
    demo: Mapping[str, dict[str, str]]


def cards_of(
    items: Sequence[ContextItem], *, user: User, now: datetime, demo: Mapping[str, dict[str, str]] | None = None
) -> list[Shown]:
    """The cards of these items, in their order, for ``triggers/_card.html``.

    ``demo``: what ``demo_buttons()`` found.
    """
    facts = facts_of(items, user=user)
    ids = {trigger.pk for several in facts.triggers.values() for trigger in several}
    deck = _Deck(
        facts=facts,
        rights=Rights.of(user, ids),
        last=last_runs(sorted(ids), now=now),
        may_create=bool(may(user, Operation.MANAGE_TRIGGERS)),
        watchers=_watchers(items, user),
        demo=demo or {},
    )
    return [_card(item, deck) for item in items]


def _watchers(items: Sequence[ContextItem], user: User) -> frozenset[int]:
    """Items whose card the person may take away."""
    watched = [item.pk for item in items if item.is_watched]
    return allowed_ids(user, Operation.PUBLISH_TRIGGERS, ContextItem.objects.all(), among=watched)


def _card(item: ContextItem, deck: _Deck) -> Shown:
    triggers = deck.facts.triggers.get(item.pk, ())
    return {
        "id": item.pk,
        "url": f"{reverse('events')}?item={item.pk}",
        "fragment_url": reverse("card", args=[item.pk]),
        "source": item.connection.source,
        "kind": ItemKind(item.kind).label,
        "key": shown_key(item),
        "tag": _tag(deck.facts.open_below.get(item.pk, 0)),
        "title": item.title or item.external_key,
        "facts": facts_line(item),
        "listener": _listener(deck.facts.listeners.get(item.pk)),
        "triggers": [shown_trigger(one, deck.rights, deck.last, item_id=item.pk) for one in triggers],
        "new_trigger_url": f"{reverse('trigger-new')}?item={item.pk}" if deck.may_create else "",
        "edit_url": _schedule_url(deck.facts.listeners.get(item.pk)),
        "unwatch_url": reverse("card-unwatch", args=[item.pk]) if item.pk in deck.watchers else "",
        "changed_at": getattr(item, "last_change", item.changed_at),
        "demo": button_for(item, deck.demo),
    }


def shown_key(item: ContextItem) -> str:
    """The key as a person knows it: a mail thread's own is the id of its first mail, and a schedule's is drawn by lot;
    neither says anything.
    """
    if item.kind == ItemKind.MAIL_THREAD:
        return item.parent.external_key if item.parent is not None else item.connection.name
    if item.kind == ItemKind.SCHEDULE:
        return item.connection.name
    return item.external_key


def facts_line(item: ContextItem) -> str:
    """The last known state in one line; "" where nothing is known yet."""
    state: Any = item.state if isinstance(item.state, dict) else {}
    labels = [str(label) for label in state.get("labels") or ()][:LABELS_SHOWN]
    parts = [
        state.get("status"),
        state.get("priority") and f"priority {state['priority']}",
        state.get("author") and f"by {state['author']}",
        state.get("assignee") and f"assigned to {state['assignee']}",
        labels and f"labels {', '.join(labels)}",
        state.get("last_from") and f"last from {state['last_from']}",
        state.get("description"),
    ]
    return " · ".join(str(part) for part in parts if part)


def _schedule_url(row: ContextListener | None) -> str:
    schedule = getattr(row, "schedule", None)
    return reverse("schedule", args=[schedule.pk]) if schedule is not None else ""


def _tag(open_pulls: int) -> str:
    if not open_pulls:
        return ""
    return f"{open_pulls} open PR{'' if open_pulls == 1 else 's'}"


def _listener(row: ContextListener | None) -> Shown | None:
    return None if row is None else shown_listener(row, heard_at=row.heard_at)  # type: ignore[attr-defined]


def shown_listener(row: ContextListener, *, heard_at: datetime | None) -> Shown:
    """``state``, ``words`` and ``at``: the moment that stands behind the words, or None."""
    if row.connection.is_paused:
        return {"state": ListenerStatus.PAUSED, "words": "Its source is paused: heard, but nothing fires", "at": None}
    if row.status not in (ListenerStatus.HEALTHY, ListenerStatus.PAUSED) and row.status_reason:
        return {"state": row.status, "words": row.status_reason, "at": None}
    if row.listener_type == ListenerType.SCHEDULE:
        return _shown_clock(row)
    if row.listener_type == ListenerType.WEBHOOK:
        words = "Webhook, last delivery" if heard_at else "Webhook, nothing has arrived yet"
        return {"state": row.status, "words": words, "at": heard_at}
    if row.last_checked is None:
        return {"state": row.status, "words": "First look is due", "at": None}
    words = f"Polled every {duration_words(row.polling_interval_ms)}, last"
    return {"state": row.status, "words": words, "at": row.last_checked}


def _shown_clock(row: ContextListener) -> Shown:
    schedule = getattr(row, "schedule", None)
    if schedule is None:
        return {"state": row.status, "words": "Hears every schedule of its clock", "at": None}
    rhythm = schedule.cron or _every(schedule.every_s)
    if row.status == ListenerStatus.PAUSED:
        return {"state": row.status, "words": f"{rhythm}, {schedule.timezone}", "at": None}
    if schedule.next_at is None:
        return {"state": row.status, "words": f"{rhythm}, {schedule.timezone}: no run is left", "at": None}
    return {"state": row.status, "words": f"{rhythm}, {schedule.timezone}: next run", "at": schedule.next_at}


def _every(seconds: int) -> str:
    """An interval in its largest whole unit."""
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    size, unit = next((size, unit) for size, unit in units if seconds % size == 0)
    return f"every {seconds // size} {unit}"
