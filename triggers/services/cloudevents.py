"""CloudEvents that people and programs send: the connection they belong to, and their way into intake."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Connection, User
from accounts.services import audit
from dct_site.kernel.rates import Rates, Turned
from triggers.enums import Refusal
from triggers.models import Delivery
from triggers.services import generation
from triggers.services.intake import Incoming, Receipt, accept
from triggers.services.listening import listener_for
from triggers.sources.cloudevents import batch
from triggers.sources.cloudevents.batch import is_batch, read_batch
from triggers.sources.cloudevents.event import CloudEvent
from triggers.sources.cloudevents.http import STRUCTURED, kept, read
from workspaces.enums import TrustTier

DEFAULT_NAME = "CloudEvents"
MAX_BYTES = 2 * 1024 * 1024
"""As much as a webhook's endpoint takes unless it is told otherwise; the specification asks for 64 kB at least."""


KEEP_REJECTED = 100
_rates = Rates()


class TooFast(Exception):
    """The sender posts more events than it may."""

    def __init__(self, per_minute: int, turned: Turned) -> None:
        super().__init__(f"At most {per_minute} events a minute are taken from you. Send this one again later.")
        self.retry_after_s = turned.retry_after_s
        self.is_first = turned.is_first


class NotSendable(Exception):
    """The connection takes no events; the message says why and what to do."""


def send_events(
    *,
    connection: Connection | None,
    sender: User,
    headers: Mapping[str, str],
    body: bytes,
    by: Actor,
    now: datetime,
) -> list[Receipt]:
    """Take the CloudEvent of a request, stored as it arrived, or those of a batch, each as if it came by itself: all of
    them on disk with the commit, or none.

    Without a ``connection`` it goes to the first one of the ``sender``, which is made where there is none.

    The same ``source`` and ``id`` again is a duplicate; with another content it is stored, told as a conflict, and
    makes no second event. Raises NotTaken, NotACloudEvent and NotSendable.
    """
    found = _read(headers, body)
    if connection is None:
        connection = _own_connection(owner=sender, by=by, now=now)
    if connection.source != Source.CLOUDEVENTS:
        raise NotSendable(f"{connection} is not for CloudEvents. Send to a connection of the source cloudevents.")
    if not connection.is_enabled:
        raise NotSendable(f"{connection} is switched off. Switch it on first.")
    incoming = [
        Incoming(
            connection_id=connection.pk,
            source=Source.CLOUDEVENTS,
            body=content,
            received_at=now,
            delivery_key=event.key,
            headers=told,
            # Whoever sends is signed in, and may send. Whom the event names as its actor is their word only.
            trust_tier=TrustTier.VERIFIED,
        )
        for event, content, told in found
    ]
    if not incoming:
        return []
    with transaction.atomic():
        receipts = list(accept(incoming))
        fresh = [receipt.delivery_id for receipt in receipts if not receipt.duplicate]
        if fresh:
            after = {"delivery": fresh[0]} if len(fresh) == 1 else {"deliveries": fresh}
            audit.record(by=by, action="event.sent", obj=connection, now=now, after=after)
    return receipts


def _read(headers: Mapping[str, str], body: bytes) -> list[tuple[CloudEvent, bytes, Mapping[str, str]]]:
    """(event, its content, the headers to keep with it) of a request."""
    told = kept(headers)
    if not is_batch(headers):
        return [(read(told | _encoding(headers), body, max_bytes=MAX_BYTES), body, told)]
    alone = {**{name: value for name, value in told.items() if name == "user-agent"}, "content-type": STRUCTURED}
    found = read_batch(told | _encoding(headers), body, max_bytes=MAX_BYTES)
    return [(event, content, alone) for event, content in found]


def events_in(*, body: bytes) -> int:
    """How many events a batch holds, for the rate of its sender: at least one."""
    return batch.events_in(body, max_bytes=MAX_BYTES)


def admit(*, key: Hashable, per_minute: int, at: float, events: int = 1) -> None:
    """Let more events of a sender in; ``at`` is monotonic time in seconds. Raises TooFast."""
    turned = _rates.take(key, per_minute, at, cost=events)
    if turned is not None:
        raise TooFast(per_minute, turned)


def note_too_fast(*, connection: Connection | None, sender: User, now: datetime) -> None:
    """Leave a rejected delivery, once for a burst, where who looks for the missing events will see it: at the
    connection that they would have gone to. Where none is made yet, nothing was sent that could be missed.
    """
    connection = connection or _first(sender)
    if connection is None:
        return
    incoming = Incoming(
        connection_id=connection.pk,
        source=connection.source,
        body=b"",
        received_at=now,
        rejection=Refusal.RATE_LIMITED,
    )
    with transaction.atomic():
        accept([incoming])
        mine = Delivery.objects.filter(connection_id=connection.pk, endpoint_id=None).exclude(rejection="")
        old = mine.order_by("-pk").values_list("pk", flat=True)[KEEP_REJECTED:]
        Delivery.objects.filter(pk__in=list(old)).delete()


def create_connection(
    *,
    name: str,
    owner: User,
    by: Actor,
    now: datetime,
    tenant: str = "",
    config: Mapping[str, Any] | None = None,
) -> Connection:
    """Make a connection for CloudEvents with the listener that hears it as a whole. It has no endpoint and no secret:
    senders sign in.
    """
    with transaction.atomic():
        generation.bump()
        connection = Connection.objects.create(
            name=name,
            source=Source.CLOUDEVENTS,
            owner=owner,
            tenant=tenant,
            config=dict(config or {}),
            created_at=now,
            updated_at=now,
        )
        listener_for(connection=connection, item=None, now=now)
        after = {"name": name, "source": str(Source.CLOUDEVENTS)}
        audit.record(by=by, action="connection.created", obj=connection, now=now, after=after)
    return connection


def _own_connection(*, owner: User, by: Actor, now: datetime) -> Connection:
    found = _first(owner)
    if found is not None:
        return found
    with transaction.atomic():
        # Two first events at a time: the second one waits here, and finds what the first one made.
        generation.bump()
        return _first(owner) or create_connection(name=_free_name(owner), owner=owner, by=by, now=now)


def _first(owner: User) -> Connection | None:
    return Connection.objects.filter(owner=owner, source=Source.CLOUDEVENTS).order_by("pk").first()


def _free_name(owner: User) -> str:
    taken = set(Connection.objects.filter(owner=owner, name__startswith=DEFAULT_NAME).values_list("name", flat=True))
    names = (DEFAULT_NAME if number == 1 else f"{DEFAULT_NAME} {number}" for number in count(1))
    return next(name for name in names if name not in taken)


def _encoding(headers: Mapping[str, str]) -> dict[str, str]:
    """What says how the body is packed: looked at, never stored, for it says nothing about what is."""
    return {name.lower(): value for name, value in headers.items() if name.lower() == "content-encoding"}
