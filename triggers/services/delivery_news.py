"""News of a delivery for those who watch the list, its page or its connection; a delivery itself never moves."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from dct_site.kernel import journal, moves
from triggers.enums import DeliveryStatus
from triggers.models import Delivery

KIND = "delivery"


class Settled(NamedTuple):
    """What became of a delivery."""

    delivery: Delivery
    status: DeliveryStatus
    detail: str


def tell(settled: Iterable[Settled], *, at: datetime) -> None:
    """Write the journal's lines about what became of deliveries, in the caller's transaction."""
    journal.write(*(_line(one, at) for one in settled))


def rejected_line(delivery_id: int, connection_id: int, at: datetime) -> journal.Line:
    """The line about the newest of what was turned away for a connection."""
    refs = {KIND: delivery_id, "connection": connection_id}
    return journal.Line(KIND, delivery_id, "", DeliveryStatus.REJECTED.value, "", moves.SYSTEM, at, refs)


def _line(one: Settled, at: datetime) -> journal.Line:
    pk = one.delivery.pk
    refs = {KIND: pk, "connection": one.delivery.connection_id}
    return journal.Line(KIND, pk, DeliveryStatus.RECEIVED.value, one.status, one.detail, moves.SYSTEM, at, refs)
