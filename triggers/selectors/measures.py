"""What is measured for others to watch: gauges read from the rows, so that every process says the same.

No names of people, items or triggers: whoever watches may not be one who may see those.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Model, QuerySet

from accounts.models import Heartbeat
from agents.enums import StartStatus
from agents.models import StartRequest
from agents.selectors.capacity import slots
from agents.selectors.overload import rung_now
from dct_site.kernel.exposition import Gauge, Sample
from triggers.enums import ExecutionStatus, ListenerStatus, Window
from triggers.models import ContextListener, Delivery, Event, Execution, PendingDelivery
from triggers.selectors.failures import OF_EXECUTIONS
from triggers.selectors.health import HEALTH_STATES, health
from triggers.selectors.metrics import Metrics, metrics_of_all
from workspaces.files.space import free_share

MINUTE = timedelta(minutes=1)
MOST = 100_000
"""Rows of the last minute that are counted."""
MOST_TRIGGERS = 100


def measures(*, now: datetime) -> list[Gauge]:
    """Everything, in bounded queries."""
    found = health(now=now)
    reasons = {(one.code, one.state) for one in found.reasons}
    lately = metrics_of_all(window=Window.HOUR, now=now)
    return [
        _gauge("dct_health", "0 healthy, 1 warning, 2 error.", HEALTH_STATES.index(found.state)),
        Gauge(
            "dct_health_reason",
            "1 for each reason of health that is told now; docs/reference/health.md says what each means.",
            [Sample(1, {"code": code, "state": state}) for code, state in sorted(reasons)],
        ),
        _gauge("dct_overload_rung", "How far up the overload ladder: 0 calm to 4 the door is closed.", rung_now(now)),
        *_capacity(now),
        *_intake(now),
        _labelled("dct_executions", "Executions that are not over.", "status", _under_way()),
        *_ended(lately),
        _by_trigger(now),
        _labelled(
            "dct_listeners", "Listeners.", "status", _counted(ContextListener.objects.all(), ListenerStatus.values)
        ),
        Gauge("dct_heartbeat_age_seconds", "Since a process of the role was last seen.", _heartbeats(now)),
        *_disk(),
    ]


def _capacity(now: datetime) -> Iterable[Gauge]:
    pools = slots()
    waiting = StartRequest.objects.filter(status=StartStatus.WAITING).order_by()
    ready = waiting.exclude(not_before__gt=now).aggregate(count=Count("pk"), oldest=Min("queued_at"))
    parked = StartRequest.objects.filter(status=StartStatus.PARKED).count()
    counts = {"waiting": ready["count"], "parked": parked}
    return [
        _labelled("dct_slots_limit", "Slots of a pool.", "pool", {one.pool: one.limit for one in pools}),
        _labelled("dct_slots_used", "Slots that are held.", "pool", {one.pool: one.busy for one in pools}),
        _labelled(
            "dct_starts", "Starts that wait for a slot, or for something of their own (parked).", "state", counts
        ),
        _gauge(
            "dct_start_oldest_seconds", "How long the oldest that waits for a slot does.", _age(ready["oldest"], now)
        ),
    ]


def _intake(now: datetime) -> Iterable[Gauge]:
    pending = PendingDelivery.objects.order_by("pk").values_list("delivery__received_at", flat=True).first()
    return [
        _gauge("dct_deliveries_undecided", "Deliveries that have no answer yet.", PendingDelivery.objects.count()),
        _gauge("dct_delivery_oldest_seconds", "How long the oldest of them waits.", _age(pending, now)),
        _gauge("dct_deliveries_last_minute", "Deliveries received.", _since(Delivery, "received_at", now - MINUTE)),
        _gauge("dct_events_last_minute", "Events accepted.", _since(Event, "accepted_at", now - MINUTE)),
    ]


def _under_way() -> Mapping[str, int]:
    under_way = [status for status in ExecutionStatus.values if status not in Execution.MOVES.terminal]
    return _counted(Execution.objects.filter(status__in=under_way), under_way)


def _ended(lately: Metrics) -> Iterable[Gauge]:
    over = sorted(Execution.MOVES.terminal)
    ended = {status: lately.ended.get(ExecutionStatus(status), 0) for status in over}
    failures = {failure.value: lately.failures.get(failure, 0) for failure in OF_EXECUTIONS}
    legs = [leg for leg in lately.legs if leg.mean_ms is not None and leg.p95_ms is not None]
    return [
        _labelled("dct_executions_ended_last_hour", "Executions that ended.", "status", ended),
        _labelled("dct_executions_failed_last_hour", "Where the newest 500 that failed did.", "failure", failures),
        Gauge(
            "dct_leg_seconds",
            "How long each leg of the newest 500 that ended in the last hour took.",
            [
                Sample(ms / 1000, {"leg": leg.name, "figure": figure})
                for leg in legs
                for figure, ms in (("mean", leg.mean_ms or 0.0), ("p95", leg.p95_ms or 0.0))
            ],
        ),
    ]


def _by_trigger(now: datetime) -> Gauge:
    """Of the triggers with most to tell, by id."""
    ended = Execution.objects.filter(ended_at__gt=now - 60 * MINUTE, ended_at__lte=now).order_by()
    rows = ended.values_list("trigger_id", "status").annotate(count=Count("pk")).order_by("-count", "trigger_id")
    return Gauge(
        "dct_trigger_executions_ended_last_hour",
        f"The {MOST_TRIGGERS} largest counts, by the trigger's id.",
        [Sample(count, {"trigger": str(trigger), "status": status}) for trigger, status, count in rows[:MOST_TRIGGERS]],
    )


def _heartbeats(now: datetime) -> list[Sample]:
    latest = Heartbeat.objects.order_by("role").values_list("role").annotate(at=Max("at"))
    return [Sample(_age(at, now), {"role": role}) for role, at in latest]


def _disk() -> list[Gauge]:
    try:
        share = free_share()
    except OSError:
        return []
    return [_gauge("dct_disk_free_ratio", "The free share of the disk with the data directory.", share)]


def _since(model: type[Model], name: str, since: datetime) -> int:
    """How many rows are younger, MOST at most. Found by halving their ids, which follow the time: no index is kept."""
    rows: Any = model._default_manager.order_by("pk")
    newest = rows.values_list("pk", flat=True).last() or 0
    low, high = max(0, newest - MOST), newest
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gt=middle).values_list(name, flat=True).first()
        if found is None or found > since:
            high = middle
        else:
            low = middle + 1
    return int(rows.filter(pk__gt=low).order_by().count())


def _counted(rows: QuerySet[Any], names: Sequence[str]) -> Mapping[str, int]:
    counts = dict(rows.order_by().values_list("status").annotate(count=Count("pk")))
    return {name: counts.get(name, 0) for name in names}


def _age(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())


def _gauge(name: str, about: str, value: float) -> Gauge:
    return Gauge(name, about, [Sample(value)])


def _labelled(name: str, about: str, label: str, values: Mapping[Any, float]) -> Gauge:
    return Gauge(name, about, [Sample(value, {label: str(one)}) for one, value in values.items()])
