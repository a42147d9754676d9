"""How long each leg takes, how often it works, and why it did not fire: of one trigger or of all, over a window.

Read from the rows of what happened, by index and in bounds: counts are of all that ended in the window, times of the
newest SAMPLE of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db.models import Count, QuerySet

from triggers.enums import ExecutionStatus, Failure, Outcome, StepName, Suppression, Window
from triggers.models import Decision, Execution, ExecutionStep, Trigger
from triggers.selectors.failures import FAILED, first_undone
from triggers.selectors.trail import LEGS, began_at

SPANS: Mapping[Window, timedelta] = {
    Window.HOUR: timedelta(hours=1),
    Window.DAY: timedelta(days=1),
    Window.WEEK: timedelta(days=7),
}
SAMPLE = 500
WHOLE = "In all"
"""From the change outside to the end."""
_PREPARING = (StepName.CLONE, StepName.CONTEXT, StepName.DEPLOY, StepName.DELIVER_UPDATE)
_COLUMNS = (
    "pk",
    "queued_at",
    "started_at",
    "ended_at",
    "event__origin",
    "event__time",
    "event__accepted_at",
    "event__decided_at",
)
Spans = Iterable[tuple[datetime | None, datetime | None]]


@dataclass(frozen=True)
class LegFigures:
    """One leg: of how many, their mean and the time that 95 of 100 stayed below, in milliseconds."""

    name: str
    count: int
    mean_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class Metrics:
    """``ended`` counts by status; rates are of what succeeded or failed, None where nothing did. ``failures`` are of
    the newest SAMPLE that failed, ``legs`` of the newest ``sampled`` that ended.
    """

    window: Window
    since: datetime
    ended: Mapping[ExecutionStatus, int]
    success_rate: float | None
    failure_rate: float | None
    failures: Mapping[Failure, int]
    suppressed: Mapping[Suppression, int]
    legs: Sequence[LegFigures]
    sampled: int

    @property
    def total(self) -> int:
        return sum(self.ended.values())


def metrics_of(trigger: Trigger, *, window: Window, now: datetime) -> Metrics:
    """The figures of one trigger. The caller has checked that the person may see it."""
    since = now - SPANS[window]
    held = Decision.objects.filter(trigger=trigger, outcome=Outcome.SUPPRESSED, at__gt=since, at__lte=now)
    suppressed = held.order_by().values_list("suppressed_by").annotate(count=Count("pk"))
    ended = Execution.objects.filter(trigger=trigger, ended_at__gt=since, ended_at__lte=now)
    return _metrics(window, since, ended, {Suppression(name): count for name, count in suppressed})


def metrics_of_all(*, window: Window, now: datetime) -> Metrics:
    """The figures of all triggers together, without what was suppressed."""
    since = now - SPANS[window]
    return _metrics(window, since, Execution.objects.filter(ended_at__gt=since, ended_at__lte=now), {})


def _metrics(
    window: Window, since: datetime, ended: QuerySet[Execution], suppressed: Mapping[Suppression, int]
) -> Metrics:
    counted = ended.order_by().values_list("status").annotate(count=Count("pk"))
    counts = {ExecutionStatus(status): count for status, count in counted}
    good = counts.get(ExecutionStatus.SUCCEEDED, 0)
    bad = sum(counts.get(status, 0) for status in FAILED)
    rows = list(ended.order_by("-ended_at").values_list(*_COLUMNS)[:SAMPLE])
    return Metrics(
        window=window,
        since=since,
        ended=counts,
        success_rate=good / (good + bad) if good + bad else None,
        failure_rate=bad / (good + bad) if good + bad else None,
        failures=_failures(ended) if bad else {},
        suppressed=suppressed,
        legs=_legs(rows),
        sampled=len(rows),
    )


def _failures(ended: QuerySet[Execution]) -> dict[Failure, int]:
    newest = list(ended.filter(status__in=FAILED).order_by("-ended_at").values_list("pk", flat=True)[:SAMPLE])
    steps: dict[int, list[tuple[str, str]]] = {pk: [] for pk in newest}
    found = ExecutionStep.objects.filter(execution__in=newest).order_by()
    for pk, name, status in found.values_list("execution_id", "name", "status"):
        steps[pk].append((name, status))
    return dict(Counter(first_undone(some) for some in steps.values()))


def _legs(rows: Sequence[tuple[Any, ...]]) -> list[LegFigures]:
    steps = _steps([row[0] for row in rows])
    spans: dict[str, list[tuple[datetime | None, datetime | None]]] = defaultdict(list)
    for pk, queued, started, ended, origin, happened, accepted, decided in rows:
        began = began_at(origin=origin, time=happened, accepted_at=accepted)
        by_name = steps[pk]
        prepared = [by_name[name] for name in _PREPARING if name in by_name]
        found = (
            (began, accepted),
            (accepted, decided),
            (queued, started),
            (min((first for first, _ in prepared), default=None), max((over for _, over in prepared), default=None)),
            by_name.get(StepName.WORK, (None, None)),
            by_name.get(StepName.VERIFY, (None, None)),
        )
        for name, span in zip(LEGS, found, strict=True):
            spans[name].append(span)
        spans[WHOLE].append((min(began, queued), ended))
    return [_figures(name, spans[name]) for name in (*LEGS, WHOLE)]


def _steps(ids: Sequence[int]) -> dict[int, dict[str, tuple[datetime, datetime]]]:
    """{execution: {step: (begin, end)}} of the steps that ended."""
    found: dict[int, dict[str, tuple[datetime, datetime]]] = {pk: {} for pk in ids}
    rows = ExecutionStep.objects.filter(execution__in=ids).order_by()
    for pk, name, began, over in rows.values_list("execution_id", "name", "started_at", "ended_at"):
        if began is not None and over is not None:
            found[pk][name] = (began, over)
    return found


def _figures(name: str, spans: Spans) -> LegFigures:
    known = sorted(max(0.0, (over - began).total_seconds() * 1000) for began, over in spans if began and over)
    if not known:
        return LegFigures(name, 0, None, None)
    return LegFigures(name, len(known), sum(known) / len(known), known[ceil(0.95 * len(known)) - 1])
