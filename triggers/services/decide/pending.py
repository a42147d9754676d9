"""Deciding: every accepted delivery becomes events, and every event gets an answer from each trigger that listens.

Prepared outside, committed inside: no parsing, matching or judging while a transaction is open. What a plan rests on is
checked on commit; on a mismatch it is made again. A delivery that cannot be decided is taken out, the rest goes on.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from accounts.actor import Actor
from dct_site.kernel.about import about
from dct_site.kernel.crashpoints import crashpoint
from dct_site.kernel.rows import one_cursor
from triggers.enums import DeliveryStatus, Suppression
from triggers.models import Delivery, DeliveryOutcome, PendingDelivery
from triggers.services import delivery_news
from triggers.services.decide import sql as decide_sql
from triggers.services.decide.commit import Overtaken, commit
from triggers.services.decide.drain import give_turns
from triggers.services.decide.pace import pace, rows_of
from triggers.services.decide.plan import Plan, prepare
from triggers.services.decide.share import next_to_decide
from triggers.services.decide.suspects import suspects
from triggers.services.decide.turn import patience, turn
from triggers.services.delivery_news import Settled
from triggers.services.standing import pause

log = structlog.get_logger(__name__)

ATTEMPTS = 5
_PAUSING = (Suppression.OWNER_RIGHTS, Suppression.STORM)


class EndsProcess(Exception):
    """Every process that touched the delivery has ended over it."""


def decide_pending(*, now: datetime, limit: int = 500) -> int:
    """Decide up to ``limit`` deliveries, oldest first, and some of connections that would wait behind these; the number
    that has an outcome now.

    Safe to call from anywhere, any number of times at once. Raises OperationalError or InterfaceError when the database
    is not to be had; what was decided before stays.
    """
    with turn() as is_ours, one_cursor():
        if not is_ours and not patience.is_over(_oldest(), now):
            return 0
        return _decide_some(now, limit)


def _oldest() -> int | None:
    return PendingDelivery.objects.order_by("pk").values_list("pk", flat=True).first()


def _decide_some(now: datetime, limit: int) -> int:
    found, since = suspects.split(next_to_decide(limit))
    decided = sum(
        _give_up(portion, now) if is_given_up else _decide_all(portion, now)
        for portion, is_given_up in suspects.in_portions(found)
    )
    return decided + _decide_all(since, now)


def _decide_all(ids: Sequence[int], now: datetime) -> int:
    return sum(_decide(batch, now) for batch in pace.batches(ids))


def _give_up(ids: Sequence[int], now: datetime) -> int:
    rows = Delivery.objects.filter(pk__in=ids, pending__isnull=False)
    return sum(_quarantine(delivery, now, EndsProcess()) for delivery in rows)


def _decide(ids: Sequence[int], now: datetime) -> int:
    """Decide these deliveries together; the number that has an outcome now."""
    # What one alone logs is about it; of a batch nobody can tell.
    with about(delivery=ids[0] if len(ids) == 1 else None):
        return _decide_about(ids, now)


def _decide_about(ids: Sequence[int], now: datetime) -> int:
    clash: IntegrityError | None = None
    deliveries: Sequence[Delivery] = ()
    for _ in range(ATTEMPTS):
        deliveries = decide_sql.waiting(ids)
        if not deliveries:
            return 0
        try:
            plan = prepare(deliveries=deliveries, now=now)
            give_turns(plan)
            crashpoint("decide.prepared")
            if len(deliveries) > 1 and not pace.fits(rows_of(plan)):
                size = pace.shrink(len(deliveries), rows_of(plan))
                return sum(_decide(portion, now) for portion in _portions(deliveries, size))
            with pace.measured(len(deliveries), rows_of(plan)):
                commit(plan)
        except Overtaken as overtaken:
            log.info("decide.overtaken", why=str(overtaken), deliveries=len(deliveries))
            continue
        except IntegrityError as wrong:
            # Most likely another decider wrote the same; a look at what it wrote tells.
            clash = wrong
            continue
        except (OperationalError, InterfaceError):
            raise
        except Exception as wrong:  # noqa: BLE001 - one poison delivery must not hold up all the others
            return _bisect(deliveries, now, wrong)
        crashpoint("decide.committed")
        _pause_what_must(plan)
        return len(deliveries)
    return _bisect(deliveries, now, clash) if clash is not None else 0


def _bisect(deliveries: Sequence[Delivery], now: datetime, wrong: Exception) -> int:
    """Find the delivery that cannot be decided by halves, and take it out."""
    if len(deliveries) == 1:
        return _quarantine(deliveries[0], now, wrong)
    return sum(_decide(half, now) for half in _halves(deliveries))


def _portions(deliveries: Sequence[Delivery], size: int) -> Iterator[list[int]]:
    ids = [delivery.pk for delivery in deliveries]
    return (ids[start : start + size] for start in range(0, len(ids), size))


def _halves(deliveries: Sequence[Delivery]) -> tuple[list[int], list[int]]:
    ids, half = [delivery.pk for delivery in deliveries], len(deliveries) // 2
    return ids[:half], ids[half:]


def _quarantine(delivery: Delivery, now: datetime, wrong: Exception) -> int:
    log.error("decide.quarantined", delivery=delivery.pk, source=delivery.source, exc_info=wrong)
    with transaction.atomic():
        gone, _ = PendingDelivery.objects.filter(pk=delivery.pk).delete()
        if gone:
            why = f"It could not be decided ({type(wrong).__name__}). It is kept as it arrived."[:500]
            settled = Settled(delivery, DeliveryStatus.ERROR, why)
            DeliveryOutcome.objects.create(
                delivery=delivery, status=settled.status, detail=settled.detail, decided_at=now
            )
            delivery_news.tell([settled], at=now)
    return gone


def _pause_what_must(plan: Plan) -> None:
    """Pause triggers whose owner lost a right, and those in a storm. After the commit: a pause bumps the generation
    that the commit holds. One that is cut off here is paused by its next event.
    """
    answers = [answer for one in plan.planned for answer in one.answers if answer.suppressed_by in _PAUSING]
    # Each once, for the first of its answers: that one tells how it came to it.
    for answer in {answer.candidate.id: answer for answer in reversed(answers)}.values():
        reason = answer.detail[:1].upper() + answer.detail[1:]
        pause(trigger=answer.candidate.trigger, by=Actor.system("decide"), now=plan.now, reason=reason)
