"""Bulk replays: looked at first, confirmed with the number that was shown, paused, gone on with, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import transaction
from django.db.models import Count, Max, Min

from accounts.actor import Actor
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import require_of
from accounts.services import audit
from dct_site.kernel import moves
from dct_site.kernel.wake import Topic, poke_on_commit
from triggers.conditions.schema import Problem
from triggers.enums import BulkKind, BulkStatus
from triggers.models import BulkReplay, Delivery, Event
from triggers.services.replays.bulk_wish import Wish, deliveries_of, events_of

MOST = 100_000
"""Repeated by one bulk replay; a longer window is cut into several."""
MOST_AT_ONCE = 100
SAMPLE = 10
_SALT = "triggers.bulk_replay"


class InvalidWish(Exception):
    """The bulk replay cannot be as it was asked for; ``problems`` lists every reason with its path."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Preview:
    """What would be repeated: how many, a few of them (the first), and what a confirmation has to bring back.

    ``purged``: how many of the events have no content any more and will be skipped.
    """

    wish: Wish
    count: int
    purged: int
    first_id: int
    last_id: int
    sample: tuple[Event, ...] | tuple[Delivery, ...]
    confirmation: str


class PreviewChanged(Exception):
    """What was confirmed is not what there is (any more); ``preview`` is what there is now."""

    def __init__(self, preview: Preview, words: str) -> None:
        super().__init__(words)
        self.preview = preview


def preview(*, wish: Wish, user: User) -> Preview:
    """Count what a wish would repeat; nothing is written. Raises InvalidWish."""
    if problems := list(_problems(wish)):
        raise InvalidWish(*problems)
    is_events = wish.kind == BulkKind.EVENTS
    rows: Any = events_of(wish, user=user) if is_events else deliveries_of(wish, user=user)
    found = rows.order_by().aggregate(count=Count("pk"), purged=Count("purged_at"), first=Min("pk"), last=Max("pk"))
    if found["count"] > MOST:
        words = f"That are {found['count']:,}; at most {MOST:,} are replayed at once. Choose a narrower window."
        raise InvalidWish(Problem("until", "too_many", words))
    told = {**wish.as_json(), "user": user.pk, **found}
    sample = rows.select_related("item") if is_events else rows.defer("body")
    return Preview(
        wish=wish,
        count=found["count"],
        purged=found["purged"],
        first_id=found["first"] or 0,
        last_id=found["last"] or 0,
        sample=tuple(sample[:SAMPLE]),
        confirmation=signing.dumps(told, salt=_SALT, compress=True),
    )


def start(*, wish: Wish, count: int, confirmation: str, user: User, by: Actor, now: datetime) -> BulkReplay:
    """Begin what was previewed, once ``count`` and ``confirmation`` are those of a preview that still holds.

    Raises InvalidWish, Denied, and PreviewChanged where it was asked for otherwise, or rows came or went meanwhile.
    """
    require_of(by, Operation.FIRE, wish.trigger)
    wish.manner.require_of(by)
    seen = preview(wish=wish, user=user)
    if not seen.count:
        raise InvalidWish(Problem("since", "nothing", "There is nothing to replay in this window."))
    if _told(confirmation) != _told(seen.confirmation):
        raise PreviewChanged(seen, "What would be replayed has changed since it was shown. Look again, then confirm.")
    if count != seen.count:
        raise PreviewChanged(seen, f"The number does not agree: {seen.count} would be replayed. Look again.")
    with transaction.atomic():
        bulk = BulkReplay.objects.create(
            kind=wish.kind,
            filters=wish.as_json(),
            trigger=wish.trigger,
            revision=wish.manner.revision,
            is_draft=wish.manner.is_draft,
            priority=wish.manner.priority,
            concurrency=wish.concurrency,
            total=seen.count,
            first_id=seen.first_id,
            last_id=seen.last_id,
            after_id=seen.first_id - 1,
            created_by=user,
            created_at=now,
        )
        moves.born(bulk, now=now, by=by.label)
        after = {**wish.as_json(), "count": seen.count}
        audit.record(by=by, action="bulk_replay.started", obj=bulk, now=now, after=after)
        poke_on_commit(Topic.REPLAY)
    return bulk


def pause(*, bulk: BulkReplay, by: Actor, now: datetime, reason: str = "") -> BulkReplay:
    """Ask about nothing more for now; what was asked goes on. Raises IllegalMove and LostRace."""
    return _go(bulk, BulkStatus.PAUSED, "paused", by, now, reason or f"Paused by {by.label}.")


def resume(*, bulk: BulkReplay, by: Actor, now: datetime) -> BulkReplay:
    """Go on where it stopped. Raises IllegalMove and LostRace."""
    return _go(bulk, BulkStatus.RUNNING, "resumed", by, now, "")


def cancel(*, bulk: BulkReplay, by: Actor, now: datetime) -> BulkReplay:
    """Ask about nothing more, for good; what was asked already goes on. Raises IllegalMove and LostRace."""
    return _go(bulk, BulkStatus.CANCELLED, "cancelled", by, now, f"Cancelled by {by.label}.", ended_at=now)


def _go(
    bulk: BulkReplay, to: BulkStatus, verb: str, by: Actor, now: datetime, reason: str, **fields: Any
) -> BulkReplay:
    before = bulk.status
    with transaction.atomic():
        # The row's own reason is of what stands: gone on with, it has none.
        moves.move(bulk, to, now=now, reason=reason, by=by.label, **fields, keep_reason=True)
        after = {"status": str(to), **({"reason": reason} if reason else {})}
        audit.record(by=by, action=f"bulk_replay.{verb}", obj=bulk, now=now, before={"status": before}, after=after)
        poke_on_commit(Topic.REPLAY)
    return bulk


def _told(confirmation: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = signing.loads(confirmation, salt=_SALT)
    except signing.BadSignature:
        return None
    return found


def _problems(wish: Wish) -> list[Problem]:
    problems: list[Problem] = []
    if wish.since >= wish.until:
        problems.append(Problem("until", "no_window", "It must be after since."))
    if not 1 <= wish.concurrency <= MOST_AT_ONCE:
        problems.append(Problem("concurrency", "out_of_bounds", f"Choose a whole number from 1 to {MOST_AT_ONCE}."))
    if wish.kind == BulkKind.DELIVERIES:
        narrowed = (wish.trigger, wish.filters.item_id, wish.filters.event_type or None, wish.filters.answer or None)
        if any(one is not None for one in narrowed):
            words = "Refused deliveries hold no events yet: choose them by window and connection only."
            problems.append(Problem("kind", "not_for_deliveries", words))
    elif wish.filters.answer and wish.trigger is None:
        problems.append(Problem("answer", "needs_trigger", "Name the trigger whose answer it is."))
    return problems
