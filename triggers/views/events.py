"""The list of events: what changed outside, and what the triggers answered to each."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.operations import Operation
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.keyset import with_query
from accounts.views.lists import ListPage
from triggers.enums import Origin, Outcome
from triggers.models import Event
from triggers.selectors.events import came_of_bulk, events_visible_to
from triggers.selectors.watches import armed_of_item
from triggers.services.answers import count_answers
from triggers.views.cards import shown_key
from triggers.views.links import delivery_number, item_label, link_to_event, link_to_item, link_to_trigger
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to

SOURCE = Choice("source", "Source", "All sources", [(one.value, one.label) for one in Source])
ORIGIN = Choice("origin", "Origin", "Live and replayed", [(one.value, one.label) for one in Origin])
ANSWER = Choice(
    "answer",
    "Answer",
    "Any answer",
    [
        (Outcome.FIRED, "Fired a trigger"),
        (Outcome.SUPPRESSED, "Suppressed"),
        (Outcome.SHADOWED, "Would have fired"),
        (Outcome.ERROR, "Could not decide"),
    ],
)
WATCHES = 5
_WORDS = {
    Outcome.FIRED: "fired",
    Outcome.SHADOWED: "would have fired",
    Outcome.ERROR: "could not decide",
    Outcome.SUPPRESSED: "suppressed",
    Outcome.NOT_MATCHED: "not matched",
}


class EventsPage(ListPage[Event]):
    """Every event that the person may see."""

    operation = Operation.VIEW
    page = "events"
    template_name = "triggers/events.html"
    name: ClassVar[str] = "events"
    topic = "events"
    noun = "events"

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.GET.get("part") == "watches":
            item = self._item()
            if item is None:
                raise Http404
            return self.draw({"item": self._shown_item(item)}, template="triggers/_item_watches.html")
        return super().get(request, **kwargs)

    def rows(self) -> QuerySet[Event]:
        rows = events_visible_to(user=self.user)
        for name, column in (("delivery", "delivery_id"), ("connection", "connection_id")):
            if (wanted := wanted_id(self.request, name)) is not None:
                rows = rows.filter(**{column: wanted})
        if (bulk := wanted_id(self.request, "bulk_replay")) is not None:
            rows = rows.filter(came_of_bulk(bulk))
        if (item := wanted_id(self.request, "item")) is not None:
            rows = rows.filter(Q(item_id=item) | Q(item__parent_id=item))
        for choice, column in ((SOURCE, "source"), (ORIGIN, "origin"), (ANSWER, "decisions__outcome")):
            if value := choice.chosen(self.request):
                rows = rows.filter(**{column: value})
        if words := searched(self.request):
            about = Q(item__title__icontains=words) | Q(item__external_key__icontains=words)
            rows = rows.filter(
                about | Q(type__icontains=words) | Q(subject__icontains=words) | Q(actor__icontains=words)
            )
        return rows.defer("data", "before").distinct() if ANSWER.chosen(self.request) else rows.defer("data", "before")

    def filters(self) -> Filters:
        pins = []
        if wanted_id(self.request, "item") is not None:
            item = self._item()
            pins.append(Pin("item", item_label(item) if item else "one item"))
        if (delivery_id := wanted_id(self.request, "delivery")) is not None:
            pins.append(Pin("delivery", delivery_number(delivery_id)))
        if wanted_id(self.request, "connection") is not None:
            pins.append(Pin("connection", "one connection"))
        if (bulk := wanted_id(self.request, "bulk_replay")) is not None:
            pins.append(Pin("bulk_replay", f"bulk replay {bulk}"))
        return Filters("Filter events", (SOURCE, ANSWER, ORIGIN), "Type, item or person", pins)

    def context(self, **kwargs: Any) -> dict[str, Any]:
        item = self._item()
        return {
            **super().context(**kwargs),
            "replays_url": reverse("bulk-replays"),
            "erase_url": reverse("erase-item", args=[item.pk]) if item and self.may(Operation.ERASE) else "",
            "item": self._shown_item(item) if item is not None else None,
        }

    def _item(self) -> ContextItem | None:
        """The item of the address: the list of its events is its page."""
        wanted = wanted_id(self.request, "item")
        return items_visible_to(user=self.user).filter(pk=wanted).first() if wanted is not None else None

    def _shown_item(self, item: ContextItem) -> dict[str, Any]:
        armed = armed_of_item(user=self.user, item=item)
        return {
            "label": item_label(item),
            "kind": ItemKind(item.kind).label,
            "key": shown_key(item),
            "watches_url": with_query(self.request, part="watches"),
            "watches": [
                {
                    "item": link_to_item(row.item) if row.item_id != item.pk else None,
                    "trigger": link_to_trigger(row.trigger),
                    "event": link_to_event(row.armed_by_id),
                    "due_at": row.due_at,
                }
                for row in armed[:WATCHES]
            ],
            "more_watches": max(0, armed.count() - WATCHES),
        }

    def shown(self, rows: Sequence[Event]) -> list[dict[str, Any]]:
        answers = count_answers(rows, user=self.user)
        return [
            {
                "url": reverse("event", args=[row.pk]),
                "type": row.type,
                "source": row.source,
                "item": link_to_item(row.item) if row.item is not None else None,
                "actor": row.actor,
                "received_at": row.accepted_at,
                "answers": told(answers[row.pk]),
            }
            for row in rows
        ]


def told(counts: Counter[str]) -> list[dict[str, str]]:
    """What the triggers answered: each outcome once, with how many gave it."""
    return [
        {"status": outcome.value, "words": f"{counts[outcome]} {word}"}
        for outcome, word in _WORDS.items()
        if counts[outcome]
    ]
