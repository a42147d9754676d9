"""News of a delivery for those who watch the list, its page or its connection; a delivery itself never moves."""

from collections.abc import Iterable

from dct_site.kernel import journal, moves
from triggers.enums import DeliveryStatus
from triggers.models import Delivery, DeliveryOutcome

KIND = "delivery"


def tell(outcomes: Iterable[tuple[Delivery, DeliveryOutcome]]) -> None:
    """Write the journal's lines about what became of deliveries, in the caller's transaction."""
    journal.write(*(_line(delivery, outcome) for delivery, outcome in outcomes))


def _line(delivery: Delivery, outcome: DeliveryOutcome) -> journal.Line:
    refs = {KIND: delivery.pk, "connection": delivery.connection_id}
    return journal.Line(
        KIND,
        delivery.pk,
        DeliveryStatus.RECEIVED.value,
        str(outcome.status),
        outcome.detail,
        moves.SYSTEM,
        outcome.decided_at,
        refs,
    )
