"""Deliveries as they came, the rejected ones too: the list, the page of one, and its body to download."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.views.answers import refused
from accounts.views.base import PageView, SignedInView
from accounts.views.downloads import attachment
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.lists import ListPage
from dct_site.kernel.rest.problems import Problem
from triggers.enums import DeliveryStatus, Origin, Refusal
from triggers.models import Delivery, DeliveryOutcome, Event, Replay
from triggers.selectors.events import deliveries_visible_to, events_of_delivery, events_visible_to
from triggers.services.answers import count_answers
from triggers.services.keeping.tombstones import INPUTS_PURGED, gone_since
from triggers.services.replays.delivery import why_not
from triggers.views.events import told
from triggers.views.links import delivery_number, link_to_delivery, link_to_event
from triggers.views.replaying import facts_of
from workspaces.enums import TrustTier

SHOWN_BYTES = 64 * 1024
MOST_REPLAYS = 5
STATUS = Choice("status", "Verdict", "Any verdict", [(one.value, one.label) for one in DeliveryStatus])
SOURCE = Choice("source", "Source", "All sources", [(one.value, one.label) for one in Source])


class DeliveriesPage(ListPage[Delivery]):
    """What came to the door."""

    operation = Operation.VIEW
    page = "deliveries"
    template_name = "triggers/deliveries.html"
    name: ClassVar[str] = "deliveries"
    topic = "deliveries"
    noun = "deliveries"

    def rows(self) -> QuerySet[Delivery]:
        rows = deliveries_visible_to(user=self.user).select_related("outcome", "duplicates")
        rows = rows.annotate(size=Length("body"))
        if value := SOURCE.chosen(self.request):
            rows = rows.filter(source=value)
        if value := STATUS.chosen(self.request):
            rows = rows.filter(_with_status(value))
        if (connection := wanted_id(self.request, "connection")) is not None:
            rows = rows.filter(connection_id=connection)
        if words := searched(self.request):
            rows = rows.filter(delivery_key__icontains=words)
        return rows

    def filters(self) -> Filters:
        wanted = wanted_id(self.request, "connection")
        pins = [Pin("connection", "one connection")] if wanted is not None else []
        return Filters("Filter deliveries", (SOURCE, STATUS), "The sender’s delivery id", pins)

    def shown(self, rows: Sequence[Delivery]) -> list[dict[str, Any]]:
        connections = Connection.objects.in_bulk({row.connection_id for row in rows})
        events: dict[int, list[dict[str, str]]] = defaultdict(list)
        found = events_visible_to(user=self.user).filter(delivery_id__in=[row.pk for row in rows])
        for event_id, delivery_id in found.order_by("id").values_list("pk", "delivery_id"):
            events[delivery_id or 0].append(link_to_event(event_id))
        return [
            {
                **link_to_delivery(row),
                "source": row.source,
                "connection": _name(connections.get(row.connection_id)),
                "status": status_of(row),
                "reason": reason_of(row),
                "duplicates": repeats_of(row),
                "events": events[row.pk],
                "size": getattr(row, "size", None) if row.purged_at is None else None,
                "received_at": row.received_at,
            }
            for row in rows
        ]


class DeliveryPage(PageView):
    """One delivery; its raw parts for those who may look at raw payloads."""

    operation = Operation.VIEW
    page = "deliveries"
    template_name = "triggers/delivery.html"
    parts: ClassVar = {"delivery_answer": "triggers/_delivery_answer.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rows = deliveries_visible_to(user=self.user).select_related("outcome", "duplicates")
        row = self.find(rows.annotate(size=Length("body")), pk=kwargs["pk"])
        events = list(events_of_delivery(user=self.user, delivery=row).order_by("id")[:100])
        is_raw = self.may(Operation.VIEW_RAW, row)
        shown: dict[str, Any] = {
            "id": row.pk,
            **link_to_delivery(row),
            "list_url": reverse("deliveries"),
            "source": row.source,
            "status": status_of(row),
            "received_at": row.received_at,
            "answer": _answer(row, len(events)),
            "facts": _facts(row),
            "headers": None,
            "body": None,
            "body_note": "",
            "gone": gone_since(row.purged_at),
            "events": self._events(events),
        }
        if is_raw and row.purged_at is None:
            shown |= _raw(row)
            shown["download_url"] = reverse("delivery-body", args=[row.pk])
        if _is_refused(row):
            shown |= self._replay(row, shown["facts"])
        return {"delivery": shown}

    def _replay(self, row: Delivery, facts: list[dict[str, Any]]) -> dict[str, Any]:
        """The way to take it in again, or why there is none."""
        if words := why_not(row):
            facts.append({"name": "Replay", "words": words})
            return {}
        return {"replay_url": reverse("delivery-replay", args=[row.pk])} if self.may(Operation.FIRE, row) else {}

    def _events(self, events: Sequence[Event]) -> list[dict[str, Any]]:
        counts = count_answers(events, user=self.user)
        return [{**link_to_event(event.pk), "type": event.type, "answers": told(counts[event.pk])} for event in events]


class DeliveryBody(SignedInView):
    """The raw body, as an attachment that no browser opens by itself."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(deliveries_visible_to(user=self.user), pk=pk)
        self.require(Operation.VIEW_RAW, row)
        if row.purged_at is not None:
            return refused(request, Problem(410, INPUTS_PURGED, gone_since(row.purged_at)))
        return attachment(bytes(row.body), f"{delivery_number(pk)}.bin")


def _is_refused(row: Delivery) -> bool:
    return status_of(row) in (DeliveryStatus.REJECTED, DeliveryStatus.REFUSED, DeliveryStatus.ERROR)


def status_of(row: Delivery) -> str:
    """The verdict: what the door turned away never gets an outcome, what is not decided yet has none."""
    outcome = outcome_of(row)
    if outcome is not None:
        return outcome.status
    return DeliveryStatus.REJECTED.value if row.rejection else DeliveryStatus.RECEIVED.value


def outcome_of(row: Delivery) -> DeliveryOutcome | None:
    found: DeliveryOutcome | None = getattr(row, "outcome", None)
    return found


def reason_of(row: Delivery) -> str:
    """Why it was rejected or refused, as a clause."""
    outcome = outcome_of(row)
    reason = row.rejection or (outcome.reason if outcome is not None else "")
    if reason:
        return Refusal(reason).label
    return outcome.detail if outcome is not None and outcome.status == DeliveryStatus.ERROR else ""


def repeats_of(row: Delivery) -> int:
    return int(row.duplicates.count) if hasattr(row, "duplicates") else 0


def _with_status(value: str) -> Q:
    if value == DeliveryStatus.RECEIVED:
        return Q(outcome=None, rejection="")
    if value == DeliveryStatus.REJECTED:
        return Q(outcome__status=value) | ~Q(rejection="")
    return Q(outcome__status=value)


def _name(connection: Connection | None) -> str:
    return connection.name if connection is not None else "a connection that was removed"


ADVICE = {
    Refusal.BAD_SIGNATURE: "Compare the secret at the sender with the connection’s, or replace it there.",
    Refusal.NO_SECRET: "Give the connection a secret; nothing is taken without one.",
    Refusal.STALE_TIMESTAMP: "Set the sender’s clock, or look who sent an old message again.",
    Refusal.TOO_LARGE: "Let the sender send less, or raise the endpoint’s limit.",
    Refusal.NOT_SAFE_JSON: "The sender has to send plain JSON of moderate depth.",
    Refusal.RATE_LIMITED: "Raise the endpoint’s rate if the sender is right to send this much.",
    Refusal.NOT_UNDERSTOOD: "Choose another source for the connection, or correct what is sent.",
    Refusal.NOT_SUPPORTED: "Nothing has to be done; leave this kind out at the sender if you like.",
}


def _answer(row: Delivery, events: int) -> dict[str, str]:
    status, outcome = status_of(row), outcome_of(row)
    reason = row.rejection or (outcome.reason if outcome is not None else "")
    if reason:
        told_why = outcome.detail if outcome is not None else ""
        verb = "Rejected" if status == DeliveryStatus.REJECTED else "Refused"
        label = Refusal(reason).label
        text = f"{told_why} {ADVICE[Refusal(reason)]}".strip()
        return {"strong": f"{verb}: {label[0].lower()}{label[1:]}.", "text": text}
    if status == DeliveryStatus.RECEIVED:
        return {"strong": "Received; its events are being read.", "text": "This takes a moment."}
    if status == DeliveryStatus.ERROR:
        return {"strong": "It could not be decided.", "text": outcome.detail if outcome is not None else ""}
    if not events:
        return {"strong": "Decided: it holds no event.", "text": outcome.detail if outcome is not None else ""}
    plural = "" if events == 1 else "s"
    return {"strong": f"Decided: it became {events} event{plural}.", "text": outcome.detail if outcome else ""}


def _facts(row: Delivery) -> list[dict[str, Any]]:
    connection = Connection.objects.filter(pk=row.connection_id).first()
    local = timezone.localtime(row.received_at)
    facts: list[dict[str, Any]] = [
        {"name": "Connection", "words": _name(connection)},
        {"name": "Origin", "words": Origin(row.origin).label},
        {"name": "Trust", "words": TrustTier(row.trust_tier).label},
        {"name": "Received", "words": f"{local:%Y-%m-%d %H:%M:%S %Z}"},
        {"name": "Sender’s id", "words": row.delivery_key or "none declared", "mono": bool(row.delivery_key)},
        {"name": "SHA-256", "words": row.body_hash, "mono": True},
        {"name": "Sent again", "words": _repeated(repeats_of(row))},
    ]
    facts += _replays(row)
    if row.key_conflict:
        words = "The same id came before with another body; both are kept. Look at the declared id."
        facts.append({"name": "Id conflict", "words": words})
    return facts


def _replays(row: Delivery) -> list[dict[str, Any]]:
    """What it repeats, and how it was repeated itself."""
    found: list[dict[str, Any]] = []
    own = Replay.objects.filter(pk=row.pk).first()
    if own is not None and own.of_delivery_id is not None:
        url = reverse("delivery", args=[own.of_delivery_id])
        found.append({"name": "Replay of", "words": delivery_number(own.of_delivery_id), "url": url, "mono": True})
    elif own is not None and own.event_id is not None:
        found.append({"name": "Replay of", **_linked(link_to_event(own.event_id))})
    later = Replay.objects.filter(of_delivery_id=row.pk)[:MOST_REPLAYS]
    again = [{"name": "Came in again", **_linked(link_to_delivery(Delivery(pk=one.pk)))} for one in later]
    return [*found, *again, *facts_of(row.pk)]


def _linked(link: dict[str, str]) -> dict[str, Any]:
    return {"words": link["number"], "url": link["url"], "mono": True}


def _repeated(count: int) -> str:
    return f"{count} more time{'' if count == 1 else 's'}" if count else "no"


def _raw(row: Delivery) -> dict[str, Any]:
    body = bytes(row.body)
    note = f"first 64 kB of {len(body):,} bytes" if len(body) > SHOWN_BYTES else ""
    return {
        "headers": [{"name": name, "value": value} for name, value in sorted(row.headers.items())],
        "body": body[:SHOWN_BYTES].decode("utf-8", "replace"),
        "body_note": note,
    }
