"""One look at everything: the time, and what several rules ask about, asked once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Count, Min, Q

from agents.enums import StartStatus
from agents.models import Limits, StartRequest
from triggers.models import ContextListener

WAITS = timedelta(minutes=1)
WAITS_LONG = timedelta(minutes=10)


@dataclass(frozen=True)
class Waits:
    """Fresh starts that wait for longer than WAITS, of them for longer than WAITS_LONG; since when the oldest does."""

    some: int
    long: int
    oldest: datetime | None


class Look:
    """What the rules are given; nothing is asked before a rule needs it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @cached_property
    def limits(self) -> Limits:
        return Limits.objects.get(pk=1)

    @cached_property
    def standings(self) -> set[str]:
        """How any listener stands."""
        return set(ContextListener.objects.order_by().values_list("status", flat=True).distinct())

    @cached_property
    def waits(self) -> Waits:
        """What a backlog has waiting is meant to wait, and has a reason of its own."""
        waiting = StartRequest.objects.filter(
            status=StartStatus.WAITING, queued_at__lt=self.now - WAITS, backlog_turn=0
        ).exclude(not_before__gt=self.now)
        is_long = Q(queued_at__lt=self.now - WAITS_LONG)
        return Waits(
            **waiting.order_by().aggregate(some=Count("pk"), long=Count("pk", filter=is_long), oldest=Min("queued_at"))
        )
