"""Rows of the triggers room for tests: published triggers, deliveries, and a source whose events are written out."""

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection, User
from tests.factories.accounts import make_user
from tests.factories.agents import make_profile
from tests.factories.workspaces import make_connection
from triggers.enums import ListenerType, Origin
from triggers.models import ContextListener, Delivery, Event, Trigger, Watch
from triggers.services import drafts, publishing
from triggers.services.intake import Incoming, accept
from triggers.sources.base import ItemRef, ParsedEvent, Poller, RawDelivery, Refused
from workspaces.enums import ItemKind, TrustTier
from workspaces.models import ContextItem

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)

# Matches everything that is verified or better: the tier of `make_delivery`.
ANYTHING: dict[str, Any] = {"all": [{"type": "trust_tier", "config": {"at_least": "open"}}]}


class WrittenOut:
    """A source whose body is the list of its events, written as the fields of ``ParsedEvent``.

    An event may ask for trouble: ``{"refuse": reason}`` refuses, ``{"raise": words}`` is a bug in the parser.
    """

    kind = Source.JIRA.value
    poller: Poller | None = None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        return [self._event(fields) for fields in json.loads(raw.body)]

    def _event(self, fields: Mapping[str, Any]) -> ParsedEvent:
        if "refuse" in fields:
            raise Refused(fields["refuse"], "There is no use for it.")
        if "raise" in fields:
            raise RuntimeError(fields["raise"])
        values = dict(fields)
        item = values.pop("item", None)
        values.setdefault("external_id", f"event-{next(_numbers)}")
        values.setdefault("type", "jira.issue.updated")
        values["time"] = datetime.fromisoformat(values["time"]) if "time" in values else NOON
        return ParsedEvent(item=_item_ref(item), **values)


def _item_ref(raw: Mapping[str, Any] | None) -> ItemRef | None:
    if raw is None:
        return None
    values = {"kind": ItemKind.TICKET, **raw}
    return ItemRef(**{**values, "kind": ItemKind(values["kind"]), "parent": _item_ref(raw.get("parent"))})


def make_jira(**over: Any) -> Connection:
    """A connection of the written-out source that is heard as a whole."""
    connection = make_connection(**{"source": Source.JIRA, **over})
    make_listener(connection=connection)
    return connection


def make_listener(**over: Any) -> ContextListener:
    values = {"listener_type": ListenerType.WEBHOOK, "created_at": NOON, **over}
    return ContextListener.objects.create(**values)


def make_document(**over: Any) -> dict[str, Any]:
    """A document that may be published once it has listeners and a profile."""
    return {"name": f"Trigger {next(_numbers)}", "listeners": [], "conditions": ANYTHING, "agent": {}, **over}


def make_trigger(
    *,
    connection: Connection | None = None,
    item: ContextItem | None = None,
    owner: User | None = None,
    now: datetime = NOON,
    **over: Any,
) -> Trigger:
    """A published, active trigger that listens to an item, or to a connection as a whole, and matches everything."""
    owner = owner or make_user()
    if item is not None:
        over = {"listeners": [{"context_item_id": item.pk}], **over}
    elif "listeners" not in over:
        over["listeners"] = [{"connection_id": (connection or make_jira(owner=owner)).pk}]
    document = make_document(**{"agent": {"profile_id": make_profile(owner=owner).pk}, **over})
    by = Actor.system()
    trigger = drafts.create_trigger(owner=owner, document=document, by=by, now=now)
    publishing.publish(trigger=trigger, by=by, now=now)
    return trigger


def make_delivery(connection: Connection, *events: Mapping[str, Any], now: datetime = NOON, **over: Any) -> Delivery:
    """An accepted delivery of the written-out source: one event about nothing in particular, unless said otherwise."""
    body = json.dumps(list(events) or [{}]).encode()
    values = {
        "connection_id": connection.pk,
        "source": connection.source,
        "body": body,
        "received_at": now,
        "origin": Origin.LIVE,
        "trust_tier": TrustTier.VERIFIED,
        **over,
    }
    receipt = accept([Incoming(**values)])[0]
    return Delivery.objects.get(pk=receipt.delivery_id)


def make_watch(trigger: Trigger, event: Event, **over: Any) -> Watch:
    """A watch of the event's item that the event armed, due an hour later."""
    values = {"condition": "a" * 32, "armed_at": event.accepted_at, "due_at": event.accepted_at + timedelta(hours=1)}
    return Watch.objects.create(
        **{"trigger": trigger, "revision": trigger.published, "item": event.item, "armed_by": event, **values, **over}
    )


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def ticket(**fields: Any) -> dict[str, Any]:
    """A written-out event about the ticket OPS-1."""
    return {"item": {"key": "OPS-1", "title": "The door"}, **fields}


def status_change(**config: Any) -> dict[str, Any]:
    """Conditions that wait for a change of status."""
    return {"all": [{"type": "status_change", "config": config}]}
