"""Mail as a source."""

from collections.abc import Sequence

from accounts.enums import Source as SourceName
from triggers.sources.base import ParsedEvent, Poller, RawDelivery
from triggers.sources.email.parse import parse
from triggers.sources.email.poller import MailPoller


class Email:
    """Polled over IMAP."""

    kind: str = SourceName.EMAIL

    def __init__(self) -> None:
        self.poller: Poller | None = MailPoller()

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """One event, or Refused."""
        return parse(raw)


SOURCE = Email()
