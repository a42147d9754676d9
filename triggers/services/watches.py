"""Armed absences and the clock: whose time is up comes back as an event, exactly once; what nobody asks for ends.

Claimed by state: the move from *armed* and the delivery that brings the event are one transaction, and the delivery's
key is the watch's own. Who is killed anywhere leaves nothing or both, and two clocks make one event of it.
"""

from collections.abc import Collection
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet

from accounts.enums import Source
from dct_site.kernel import moves
from dct_site.kernel.crashpoints import crashpoint
from triggers.conditions.absences import absences
from triggers.conditions.leaves.absence import ELAPSED
from triggers.enums import Origin, WatchStatus
from triggers.models import Trigger, Watch
from triggers.selectors.standings import ASKED
from triggers.services import generation
from triggers.services.decide.past import Elapsed
from triggers.services.intake import Incoming, accept
from triggers.sources.internal.order import Order
from workspaces.models import ContextItem

BATCH = 25
"""Per transaction: it must not hold SQLite's write lock for longer than 20 ms; 50 took 13 to 25 ms of CPU."""
BATCHES = 20
"""Per call, so that the clock has time for the rest of its work."""
NOT_ASKED = "Its trigger does not ask for it any more."
ERASED = "What it was about was erased."
log = structlog.get_logger(__name__)


def elapse_due(*, now: datetime, batches: int = BATCHES) -> int:
    """Turn what is due into events, the longest overdue first; the number of watches that are settled.

    ``now`` is the database's clock. Safe to call from anywhere, any number of times at once.
    """
    done = 0
    for _ in range(batches):
        due = armed_watches().filter(due_at__lte=now).order_by("due_at", "pk")
        seen = list(due.select_related("trigger__published", "armed_by", "item")[:BATCH])
        if not seen:
            break
        done += _settle(seen, now)
    return done


def end_watches(*, trigger: Trigger, now: datetime) -> int:
    """End what the trigger does not ask for any more, after it was published anew, disabled or deleted.

    Where this is cut short, the clock ends each of the others at its due time.
    """
    row = Trigger.objects.select_related("published").get(pk=trigger.pk)
    return _end_all(armed_watches().filter(trigger=row).exclude(condition__in=_names(row)), NOT_ASKED, now)


def end_watches_of(*, item_ids: Collection[int], now: datetime) -> int:
    """End all that wait for something about these items, of which nothing is to be known any more."""
    return _end_all(armed_watches().filter(item__in=item_ids), ERASED, now)


def _end_all(watches: QuerySet[Watch], reason: str, now: datetime) -> int:
    ended = 0
    while seen := list(watches.order_by("pk")[:BATCH]):
        with transaction.atomic():
            ended += sum(_end(watch, reason, now) for watch in _held(seen))
    return ended


def armed_watches() -> QuerySet[Watch]:
    return Watch.objects.filter(status=WatchStatus.ARMED)


def _settle(seen: Collection[Watch], now: datetime) -> int:
    with transaction.atomic():
        # Lock order: the generation first, which the intake takes too.
        generation.hold()
        held = {watch.pk for watch in _held(seen)}
        watches = [watch for watch in seen if watch.pk in held]
        crashpoint("watches.held")
        wanted = {trigger.pk: _names(trigger) for trigger in {watch.trigger for watch in watches}}
        due = [watch for watch in watches if watch.condition in wanted[watch.trigger_id]]
        receipts = accept([_incoming(watch, now) for watch in due])
        crashpoint("watches.accepted")
        for watch, receipt in zip(due, receipts, strict=True):
            moves.move(watch, WatchStatus.ELAPSED, now=now, delivery_id=receipt.delivery_id, ended_at=now)
        for watch in watches:
            if watch not in due:
                _end(watch, NOT_ASKED, now)
        crashpoint("watches.before_commit")
    crashpoint("watches.committed")
    return len(watches)


def _held(seen: Collection[Watch]) -> list[Watch]:
    """Those that are still armed, held to the end of the transaction. Whom another clock holds is left to it."""
    rows = armed_watches().select_for_update(skip_locked=True, no_key=True).order_by("pk")
    return list(rows.filter(pk__in=[watch.pk for watch in seen]))


def _end(watch: Watch, reason: str, now: datetime) -> int:
    moves.move(watch, WatchStatus.ENDED, now=now, reason=reason, keep_reason=True, ended_at=now)
    return 1


def _names(trigger: Trigger) -> set[str]:
    """The absences that a trigger asks for as it stands."""
    if trigger.published is None or trigger.status not in ASKED or trigger.deleted_at is not None:
        return set()
    return {one.name for one in absences(trigger.published.document.get("conditions"))}


def order_of(said: Elapsed, *, item: ContextItem, hop: int) -> Order:
    """The event by which a watch of an item comes back when its time is up. ``hop`` is that of what armed it."""
    return Order(
        source=Source.INTERNAL,
        type=ELAPSED,
        time=said.due_at,
        external_id=f"watch:{said.watch_id}",
        subject=item.external_key,
        facts={"title": item.title, "text": "", "kinds": [], "mentions": []},
        data=said.as_data(),
        item_id=item.pk,
        target_trigger_id=said.trigger_id,
        hop=hop + 1,
    )


def _incoming(watch: Watch, now: datetime) -> Incoming:
    item, began = watch.item, watch.armed_by
    said = Elapsed(
        trigger_id=watch.trigger_id,
        watch_id=watch.pk,
        condition=watch.condition,
        armed_by=began.pk,
        armed_at=watch.armed_at,
        due_at=watch.due_at,
    )
    return Incoming(
        connection_id=item.connection_id,
        source=Source.INTERNAL,
        body=order_of(said, item=item, hop=began.hop).to_body(),
        received_at=now,
        origin=Origin.TIMER,
        delivery_key=f"watch:{watch.pk}",
        # What its agent will read is no more to be trusted than what armed it.
        trust_tier=began.trust_tier,
    )
