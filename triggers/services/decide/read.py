"""Reading a delivery: bytes to events by its source's parser, without a look at anything that is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.enums import Source
from accounts.models import Connection
from triggers.enums import Refusal
from triggers.models import Delivery
from triggers.sources import registry
from triggers.sources.base import ParsedEvent, RawDelivery, Refused
from triggers.sources.internal.order import NotAnOrder, Order


@dataclass(frozen=True)
class Reading:
    """What a delivery says. ``order`` is set for DCT's own; with a ``refusal`` there are no events."""

    delivery: Delivery
    connection: Connection | None
    events: tuple[ParsedEvent, ...] = ()
    order: Order | None = None
    refusal: str = ""
    detail: str = ""


def read_all(deliveries: Sequence[Delivery], connections: Mapping[int, Connection]) -> list[Reading]:
    """Read deliveries in order. Raises what a parser raises beyond Refused: a poison delivery."""
    return [read_one(delivery, connections.get(delivery.connection_id)) for delivery in deliveries]


def read_one(delivery: Delivery, connection: Connection | None) -> Reading:
    if connection is None:
        return Reading(delivery, None, refusal=Refusal.NOT_SUPPORTED, detail="Its connection does not exist any more.")
    try:
        # Nothing that came in by an endpoint can give orders, whatever its connection calls itself.
        if delivery.source == Source.INTERNAL and delivery.endpoint_id is None:
            return _internal(delivery, connection)
        if delivery.source == Source.SCHEDULE and delivery.endpoint_id is not None:
            raise Refused(Refusal.NOT_SUPPORTED, "Only the clock of this installation tells of slots.")
        raw = RawDelivery(
            source=delivery.source,
            body=bytes(delivery.body),
            headers=delivery.headers,
            received_at=delivery.received_at,
            connection_config=connection.config,
        )
        return Reading(delivery, connection, tuple(registry.get(delivery.source).parse(raw)))
    except Refused as refused:
        return Reading(delivery, connection, refusal=refused.reason, detail=refused.detail[:500])


def _internal(delivery: Delivery, connection: Connection) -> Reading:
    try:
        order = Order.from_body(bytes(delivery.body))
    except NotAnOrder as wrong:
        raise Refused(Refusal.NOT_UNDERSTOOD, str(wrong)) from wrong
    event = ParsedEvent(
        external_id=order.external_id,
        type=order.type,
        time=order.time,
        subject=order.subject,
        actor=order.actor,
        facts=order.facts,
        data=order.data,
        changes=order.changes,
    )
    return Reading(delivery, connection, (event,), order)
