"""The figures of a trigger: a section of its page, and that section alone for another window."""

from datetime import datetime
from typing import Any

from django.urls import reverse

from accounts.operations import Operation
from accounts.views.base import PageView
from dct_site.templatetags.spans import duration_words
from triggers.enums import ExecutionStatus, Window
from triggers.models import Trigger
from triggers.selectors.metrics import LegFigures, Metrics, metrics_of
from triggers.selectors.triggers import triggers_visible_to


class TriggerMetrics(PageView):
    """How long its legs take, how often it works, why it did not fire; ``?window=`` says how far back."""

    operation = Operation.VIEW
    page = "triggers"
    template_name = "triggers/_metrics.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        trigger = self.find(triggers_visible_to(user=self.user), pk=kwargs["pk"])
        asked = self.request.GET.get("window", "")
        window = Window(asked) if asked in Window.values else Window.DAY
        return {"metrics": shown_metrics(trigger, window=window, now=self.now)}


def shown_metrics(trigger: Trigger, *, window: Window, now: datetime) -> dict[str, Any]:
    """What ``triggers/_metrics.html`` shows of a trigger that the person may see."""
    found = metrics_of(trigger, window=window, now=now)
    url = reverse("trigger-metrics", args=[trigger.pk])
    return {
        "windows": [{"label": one.label, "url": f"{url}?window={one}", "is_on": one == window} for one in Window],
        "words": _words(found),
        "legs": [_leg(leg) for leg in found.legs if leg.count],
        "failures": [{"name": one.label, "count": count} for one, count in found.failures.items()],
        "suppressed": [{"name": one.label, "count": count} for one, count in found.suppressed.items()],
        "sampled": found.sampled if found.sampled < found.total else None,
        "executions_url": f"{reverse('executions')}?trigger={trigger.pk}",
    }


def _words(found: Metrics) -> str:
    if not found.total:
        return "Nothing of it ended in this time."
    others = found.total - sum(
        found.ended.get(status, 0)
        for status in (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT)
    )
    told = f"{found.total:,} ended"
    if found.success_rate is not None and found.failure_rate is not None:
        told += f": {found.success_rate:.0%} succeeded, {found.failure_rate:.0%} failed"
    return f"{told}; {others:,} were cancelled or expired." if others else f"{told}."


def _leg(leg: LegFigures) -> dict[str, Any]:
    return {
        "name": leg.name,
        "count": f"{leg.count:,}",
        "mean": duration_words(leg.mean_ms or 0.0),
        "p95": duration_words(leg.p95_ms or 0.0),
    }
