"""Triggers as cards and lists show them: state, what one may do, and how the last run went."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from accounts.models import User
from accounts.operations import Operation
from dct_site.kernel.statuswords import status_word
from dct_site.templatetags.spans import duration_words
from triggers.enums import ExecutionStatus, Outcome, TriggerStatus
from triggers.models import Decision, Execution, Trigger
from triggers.selectors.trail import trail_of
from triggers.views.rights import allowed_ids

Shown = dict[str, Any]
ACTS = (TriggerStatus.ACTIVE, TriggerStatus.SHADOW)
FIRE_LINES = (
    "It runs once, as if its conditions held.",
    "Cooldown, limits and the owner's rights still count.",
)


@dataclass(frozen=True)
class Rights:
    """Which of the triggers at hand the person may fire, manage, publish."""

    fire: frozenset[int]
    manage: frozenset[int]
    publish: frozenset[int]

    @classmethod
    def of(cls, user: User, ids: Iterable[int]) -> "Rights":
        among, rows = list(ids), Trigger.objects.filter(deleted_at=None)
        return cls(
            fire=allowed_ids(user, Operation.FIRE, rows, among=among),
            manage=allowed_ids(user, Operation.MANAGE_TRIGGERS, rows, among=among),
            publish=allowed_ids(user, Operation.PUBLISH_TRIGGERS, rows, among=among),
        )


def act_urls(trigger: Trigger, rights: Rights, *, item_id: int | None = None) -> dict[str, str]:
    """The addresses of fire, pause and resume; "" where the person may not, or the state does not allow it."""
    status, pk = TriggerStatus(trigger.status), trigger.pk
    about = f"?item={item_id}" if item_id is not None else ""
    may_fire, may_manage = pk in rights.fire, pk in rights.manage
    return {
        "fire_url": reverse("trigger-fire", args=[pk]) + about if may_fire and status in ACTS else "",
        "pause_url": reverse("trigger-pause", args=[pk]) if may_manage and status in ACTS else "",
        "resume_url": reverse("trigger-resume", args=[pk]) if may_manage and status == TriggerStatus.PAUSED else "",
    }


def shown_trigger(trigger: Trigger, rights: Rights, last: Mapping[int, Shown], *, item_id: int | None = None) -> Shown:
    """One trigger for ``components/trig.html``."""
    return {
        "id": trigger.pk,
        "name": trigger.name,
        "url": reverse("trigger", args=[trigger.pk]),
        "modal_url": reverse("trigger", args=[trigger.pk]) + "?part=modal",
        "status": trigger.status,
        "priority": trigger.priority,
        "fire_lines": FIRE_LINES,
        "last": last.get(trigger.pk),
        **act_urls(trigger, rights, item_id=item_id),
    }


def last_runs(ids: Sequence[int], *, now: datetime) -> dict[int, Shown]:
    """{trigger id: its last run, or its last answer where that came later} in four queries for all of them."""
    newest = {
        name: Subquery(model.objects.filter(trigger=OuterRef("pk")).order_by("-id").values("pk")[:1])
        for name, model in (("execution", Execution), ("decision", Decision))
    }
    rows: Any = Trigger.objects.filter(pk__in=ids).order_by().annotate(**newest)
    pairs = list(rows.values_list("pk", "execution", "decision"))
    runs = Execution.objects.select_related("event").prefetch_related("steps").in_bulk({p[1] for p in pairs if p[1]})
    answers = Decision.objects.in_bulk({p[2] for p in pairs if p[2]})
    found = {}
    for pk, run_id, answer_id in pairs:
        shown = _last(runs.get(run_id), answers.get(answer_id), now)
        if shown is not None:
            found[pk] = shown
    return found


def _last(run: Execution | None, answer: Decision | None, now: datetime) -> Shown | None:
    is_newer = answer is not None and answer.outcome != Outcome.FIRED and (run is None or answer.at > run.queued_at)
    if answer is not None and is_newer:
        return _answered(answer)
    return _ran(run, now) if run is not None else None


def _ran(run: Execution, now: datetime) -> Shown:
    word = status_word("execution", run.status).word
    if run.status == ExecutionStatus.SUCCEEDED and run.started_at and run.ended_at:
        word = f"{word} in {duration_words((run.ended_at - run.started_at).total_seconds() * 1000)}"
    return {
        "kind": "execution",
        "status": run.status,
        "words": word,
        "url": reverse("execution", args=[run.pk]),
        "at": run.ended_at or run.started_at or run.queued_at,
        "legs": trail_of(run, now=now),
    }


def _answered(answer: Decision) -> Shown:
    word = status_word("decision", answer.outcome).word
    if answer.suppressed_by:
        word = f"{word}: {status_word('suppressed', answer.suppressed_by).word}"
    return {
        "kind": "decision",
        "status": answer.outcome,
        "words": word,
        "url": reverse("event", args=[answer.event_id]),
        "at": answer.at,
        "legs": (),
    }
