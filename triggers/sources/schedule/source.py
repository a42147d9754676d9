"""The clock as a source."""

from collections.abc import Sequence

from accounts.enums import Source as SourceName
from triggers.enums import Refusal
from triggers.sources.base import ItemRef, ParsedEvent, Poller, RawDelivery, Refused
from triggers.sources.schedule.body import SLOT, NotASlot, SlotBody
from workspaces.enums import ItemKind


class Clock:
    """Polls nothing: the tick says what is due."""

    kind: str = SourceName.SCHEDULE
    poller: Poller | None = None

    def parse(self, raw: RawDelivery) -> Sequence[ParsedEvent]:
        """One event about the schedule, or Refused."""
        try:
            said = SlotBody.from_bytes(raw.body)
        except NotASlot as wrong:
            raise Refused(Refusal.NOT_UNDERSTOOD, str(wrong)) from wrong
        return [
            ParsedEvent(
                external_id=f"schedule:{said.schedule_id}:{said.slot}",
                type=SLOT,
                time=said.due_at,
                subject=said.item_key,
                facts={"title": said.title, "text": "", "kinds": [], "mentions": [], "is_reply": False},
                data={
                    "schedule_id": said.schedule_id,
                    "slot": said.slot,
                    "due_at": said.due_at.isoformat(),
                    "local": said.local,
                    "timezone": said.timezone,
                    "is_made_up": said.is_made_up,
                },
                item=ItemRef(ItemKind.SCHEDULE, said.item_key, said.title),
                changes={},
            )
        ]


SOURCE = Clock()
