"""CloudEvents as a source."""

from collections.abc import Sequence

from accounts.enums import Source as SourceName
from triggers.sources.base import ParsedEvent, Poller, RawDelivery
from triggers.sources.cloudevents.parse import parse


class CloudEvents:
    """Sent to ``POST /api/v1/events/``."""

    kind: str = SourceName.CLOUDEVENTS
    poller: Poller | None = None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """One event, or Refused."""
        return parse(raw)


SOURCE = CloudEvents()
