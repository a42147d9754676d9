"""The generic webhook as a source."""

from collections.abc import Sequence

from accounts.enums import Source as SourceName
from triggers.sources.base import ParsedEvent, Poller, RawDelivery
from triggers.sources.webhook.parse import parse


class Webhook:
    """Heard by webhook only."""

    kind: str = SourceName.WEBHOOK
    poller: Poller | None = None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """One event, or Refused."""
        return parse(raw)


SOURCE = Webhook()
