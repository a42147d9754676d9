"""How work flows: pauses and limits, who waits too long, what failed, what could not be decided."""

from collections import Counter
from datetime import timedelta

from django.db.models import Count

from agents.budget import amount_words, named
from agents.enums import BudgetWindow, Pool, Rung, StartStatus
from agents.models import StartRequest
from agents.selectors.backlog import backlog
from agents.selectors.capacity import read_room
from agents.selectors.gate import LIMITS_KEY
from agents.selectors.overload import overload_of, rung_at
from triggers.enums import DeliveryStatus, ExecutionStatus
from triggers.models import DeliveryOutcome, Execution, Trigger
from triggers.selectors.backlog import count_words, pace_words, span
from triggers.selectors.budgets import near_budgets
from triggers.selectors.health.look import WAITS_LONG, Look
from triggers.selectors.health.rules import ERROR, WARNING, Told

RECENT = timedelta(hours=1)
MANY_FAILED = 5
NEAR = 0.8
LOOKED_AT = 1000
SHOWN = 10


def overload(at: Look) -> list[Told]:
    """DCT stands on a rung of the ladder."""
    rung = rung_at(at.limits, at.now)
    if rung == Rung.CALM:
        return []
    told = f"Overload: {', '.join(overload_of(at.limits, at.now).holds_back)}, for {at.limits.rung_reason}."
    return [Told(ERROR if rung == Rung.DOOR_CLOSED else WARNING, told)]


def paused(at: Look) -> list[Told]:
    """Everything is paused by a person."""
    return [Told(WARNING, "Everything is paused: nothing new starts.")] if at.limits.is_paused else []


def no_slots(at: Look) -> list[Told]:
    """A limit of 0 pauses, too."""
    given = (("agents", at.limits.max_agents), ("workspaces", at.limits.max_workspaces))
    return [Told(WARNING, f"The limit of {name} is 0: nothing new starts.") for name, most in given if most == 0]


def full_pools(at: Look) -> list[Told]:
    """All slots of a pool are held, and something has waited for a while."""
    full = [pool for pool in read_room(at.limits).pools.values() if 0 < pool.limit <= pool.used]
    if at.waits.oldest is None:
        return []
    told = f"{_they(at.waits.some)} for longer than a minute, the oldest for {_oldest(at)}"
    return [Told(WARNING, f"All {pool.limit} slots for {Pool(pool.pool).value} are held; {told}.") for pool in full]


def long_waits(at: Look) -> list[Told]:
    """Fresh work that has waited for WAITS_LONG."""
    if not at.waits.long:
        return []
    longer = f"{_they(at.waits.long)} for longer than {WAITS_LONG.seconds // 60} minutes"
    return [Told(WARNING, f"{longer}, the oldest for {_oldest(at)}.")]


def old_work(at: Look) -> list[Told]:
    """What an outage left."""
    left = backlog(now=at.now)
    return [] if left is None else [Told(WARNING, f"{count_words(left)}; fresh ones go first. {pace_words(left)}")]


def full_queues(_: Look) -> list[Told]:
    """Triggers whose part of the queue is nearly full; of those the newest LOOKED_AT that wait belong to."""
    newest = Execution.objects.filter(status=ExecutionStatus.QUEUED).order_by("-id")
    waiting = Counter(newest.values_list("trigger_id", flat=True)[:LOOKED_AT])
    documents = Trigger.objects.filter(pk__in=[pk for pk, _ in waiting.most_common(50)], published__isnull=False)
    bounds = {
        pk: (name, limits["max_queued"])
        for pk, name, limits in documents.values_list("pk", "name", "published__document__limits")
        if limits and limits.get("max_queued")
    }
    queued = Execution.objects.filter(trigger__in=bounds, status=ExecutionStatus.QUEUED).order_by("trigger")
    counts = queued.values_list("trigger").annotate(count=Count("pk"))
    return [
        Told(WARNING, f"{count} executions of {bounds[pk][0]} wait, of {bounds[pk][1]} that may.")
        for pk, count in counts
        if count >= bounds[pk][1] * NEAR
    ][:SHOWN]


def too_large(_: Look) -> list[Told]:
    """What needs more slots at once than a limit that was lowered allows."""
    count = StartRequest.objects.filter(status=StartStatus.PARKED, parked_for=LIMITS_KEY).count()
    return [Told(WARNING, f"{_they(count)} for more slots at once than the limits allow.")] if count else []


def budgets(at: Look) -> list[Told]:
    """Triggers whose budget is nearly used up, or is."""
    if not at.limits.has_budgets:
        return []
    found = []
    for one in near_budgets(now=at.now)[:SHOWN]:
        used, most = amount_words(one.unit, one.account.used), named(one.unit, one.most)
        when = "today" if one.room.window == BudgetWindow.DAY else "this month"
        end = f"{one.room.ends_at:%Y-%m-%d at %H:%M} UTC"
        what = "money of " if one.unit == "money" else ""
        found.append(
            Told(WARNING, f"{one.name} has used {what}{used} of {most} {when}; its budget begins anew on {end}.")
        )
    return found


def failures(at: Look) -> list[Told]:
    """Executions that failed lately; many of many are an error."""
    ended = Execution.objects.filter(ended_at__gte=at.now - RECENT)
    failed = ended.filter(status__in=[ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT]).count()
    if not failed:
        return []
    total = ended.count()
    state = ERROR if failed >= MANY_FAILED and failed * 2 >= total else WARNING
    return [Told(state, f"{failed} of {total} executions failed in the last hour.")]


def poison(at: Look) -> list[Told]:
    """Deliveries that nobody could decide."""
    count = DeliveryOutcome.objects.filter(status=DeliveryStatus.ERROR, decided_at__gte=at.now - RECENT).count()
    return [Told(WARNING, f"{count} deliveries could not be decided in the last hour.")] if count else []


def _they(count: int) -> str:
    return "1 execution waits" if count == 1 else f"{count} executions wait"


def _oldest(at: Look) -> str:
    return span(round((at.now - (at.waits.oldest or at.now)).total_seconds()))
