"""GitHub as a source."""

from collections.abc import Sequence

from accounts.enums import Source as SourceName
from triggers.sources.base import ParsedEvent, Poller, RawDelivery
from triggers.sources.github.parse import parse


class GitHub:
    """Heard by webhook only."""

    kind: str = SourceName.GITHUB
    poller: Poller | None = None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """One event, or Refused."""
        return parse(raw)


SOURCE = GitHub()
