"""How DCT stands: health with its reasons, slots, what runs, who waits and why, the listeners."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Count, Q
from django.urls import NoReverseMatch, reverse

from accounts.models import Connection
from accounts.operations import Operation
from accounts.views.base import PageView
from agents.capacity import reserved_share
from agents.enums import Pool
from agents.ladder import HOLDS_BACK
from agents.models import Limits, SlotHolder
from agents.selectors.backlog import backlog
from agents.selectors.capacity import PoolSlots, slots
from agents.selectors.overload import overload_of
from agents.selectors.queue import Waiting, queue
from agents.selectors.utilisation import utilisation
from triggers.enums import ExecutionStatus, ListenerStatus
from triggers.models import ContextListener, Event, Execution, PendingDelivery, Trigger
from triggers.selectors import rates
from triggers.selectors.backlog import count_words, oldest_at, pace_words
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.health import Health, health
from triggers.selectors.listeners import listeners_visible_to
from triggers.selectors.pauses import CONNECTION, EVERYTHING, TRIGGER, Pause, pauses
from triggers.views.executions import row_of
from triggers.views.links import execution_number, execution_title, item_label
from triggers.views.rights import allowed_ids
from triggers.views.utilisation import bars_of

SHOWN = 100
MOST_IN_QUEUE = 20
"""Who is next, and why not yet; the others are in the list of executions."""
PARTS = ("health", "pauses", "overload", "running", "queue", "slots", "utilisation", "listeners")
DAY = timedelta(days=1)
_WORDS = {"healthy": "Work flows", "warning": "Work flows", "error": "Something does not work"}
_RUNNING = (
    ExecutionStatus.STARTING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.VERIFYING,
    ExecutionStatus.NEEDS_ATTENTION,
)
_PLACES = {name: name for name in ("deliveries", "connections", "limits", "executions", "triggers")}
_ACTIONS = {
    "deliveries": "Open deliveries",
    "connections": "Open connections",
    "limits": "Open limits",
    "executions": "Open executions",
    "triggers": "Open triggers",
}


class StatusPage(PageView):
    """The status, as far as the person may see it; reasons of health are for triage."""

    operation = Operation.VIEW
    page = "status"
    template_name = "triggers/status.html"
    parts: ClassVar = {
        **{name: f"triggers/_{name}.html" for name in PARTS},
        "health_link": "components/health_link.html",
    }

    def context(self, **kwargs: Any) -> dict[str, Any]:
        part = self.request.GET.get("part")
        if part == "health_link":
            return {}
        wanted = {
            "health": self._health,
            "pauses": self._pauses,
            "overload": self._overload,
            "running": self._running,
            "queue": self._queue,
            "slots": self._slots,
            "utilisation": self._utilisation,
            "listeners": self._listeners,
        }
        found: dict[str, Any] = {"url": reverse("status")}
        for name, look in wanted.items():
            if part in (None, name):
                found |= look()
        return {"status": found}

    def _health(self) -> dict[str, Any]:
        found = health(now=self.now)
        may_triage = self.may(Operation.TRIAGE)
        return {
            "health": {
                "state": found.state,
                "words": _health_words(found) if may_triage else _state_words(found),
                "since": None,
                "reasons": [self._reason(reason) for reason in found.reasons] if may_triage else [],
            },
            "figures": self._figures(),
        }

    def _reason(self, reason: Any) -> dict[str, str]:
        url = _address(_PLACES.get(reason.topic, ""))
        if reason.topic == "limits" and not self.may(Operation.SET_LIMITS):
            url = ""
        shown = {"state": reason.state, "strong": reason.text, "text": reason.advice.replace("`", "")}
        return {**shown, "url": url, "action": _ACTIONS[reason.topic]} if url else shown

    def _figures(self) -> list[dict[str, str]]:
        hour = rates.last_hour(user=self.user, now=self.now)
        executions = reverse("executions")
        return [
            _figure("Deliveries, 1 h", hour["deliveries"], "came to the door", reverse("deliveries")),
            _figure("Events, 1 h", hour["events"], f"{hour['fired']:,} fired a trigger", reverse("events")),
            _figure("Succeeded, 1 h", hour["succeeded"], "with proof", f"{executions}?status=succeeded"),
            _figure("Failed, 1 h", hour["failed"], "or out of time", f"{executions}?status=failed"),
        ]

    def _pauses(self) -> dict[str, Any]:
        found = pauses(user=self.user)
        ids = {
            kind: {one.id for one in found if one.kind == kind and one.id is not None} for kind in (CONNECTION, TRIGGER)
        }
        sources, triggers = Connection.objects.all(), Trigger.objects.all()
        allowed: dict[str, Collection[int | None]] = {
            EVERYTHING: [None] if self.may(Operation.SET_LIMITS) else [],
            CONNECTION: allowed_ids(self.user, Operation.MANAGE_CONNECTIONS, sources, among=ids[CONNECTION]),
            TRIGGER: allowed_ids(self.user, Operation.MANAGE_TRIGGERS, triggers, among=ids[TRIGGER]),
        }
        return {"pauses": [_paused(one, may_resume=one.id in allowed[one.kind]) for one in found]}

    def _overload(self) -> dict[str, Any]:
        found = overload_of(Limits.objects.get(pk=1), self.now)
        rungs = [
            {"name": rung.label, "words": words, "holds": rung <= found.rung, "is_here": rung == found.rung}
            for rung, words in HOLDS_BACK.items()
        ]
        return {"overload": found, "rungs": rungs}

    def _running(self) -> dict[str, Any]:
        rows = executions_visible_to(user=self.user).filter(status__in=_RUNNING)[:SHOWN]
        return {"running": [row_of(row, now=self.now) for row in rows], "is_open": _may_start()}

    def _queue(self) -> dict[str, Any]:
        waiting = queue(now=self.now, limit=SHOWN)
        seen = self._seen(one.start.refs.get("execution") for one in waiting)
        shown = [_waiting(one, seen[pk]) for one in waiting if (pk := one.start.refs.get("execution")) in seen]
        count = executions_visible_to(user=self.user).filter(status=ExecutionStatus.QUEUED).order_by().count()
        told: dict[str, Any] = {"backlog": self._backlog(), "undecided": PendingDelivery.objects.count()}
        if count > MOST_IN_QUEUE:
            told["queue_url"] = f"{reverse('executions')}?status={ExecutionStatus.QUEUED}"
        words = f"{count:,} wait{'s' if count == 1 else ''}"
        return {"queue": shown[:MOST_IN_QUEUE], "queue_words": words, **told}

    def _backlog(self) -> dict[str, Any] | None:
        left = backlog(now=self.now)
        if left is None:
            return None
        return {
            "words": count_words(left),
            "oldest_at": oldest_at(left, user=self.user),
            "held": f"{left.busy} of the {left.most} agent slot{'' if left.most == 1 else 's'} that it may",
            "pace": pace_words(left),
        }

    def _slots(self) -> dict[str, Any]:
        limits = Limits.objects.get(pk=1)
        holders = list(SlotHolder.objects.select_related("start").order_by("taken_at", "id"))
        seen = self._seen(holder.start.refs.get("execution") for holder in holders)
        found: dict[str, Any] = {"slots": [_pool(one, holders, seen, limits) for one in slots()]}
        if self.may(Operation.SET_LIMITS):
            found["limits_url"] = reverse("limits")
        return found

    def _utilisation(self) -> dict[str, Any]:
        return {"utilisation": bars_of(utilisation(now=self.now))}

    def _listeners(self) -> dict[str, Any]:
        rows = list(listeners_visible_to(user=self.user).distinct()[:SHOWN])
        counts = self._counted(rows)
        healthy = sum(row.status == ListenerStatus.HEALTHY for row in rows)
        unwell = len(rows) - healthy
        words = f"{healthy} healthy" + (f", {unwell} not" if unwell else "")
        return {
            "listeners": [_listener(row, counts.get(row.pk, 0)) for row in rows],
            "listeners_words": words if rows else "",
        }

    def _counted(self, rows: Sequence[ContextListener]) -> dict[int, int]:
        """Events of the last day, for each listener: of its item and what hangs under it, or of its connection."""
        recent = Event.objects.filter(accepted_at__gte=self.now - DAY).order_by()
        by_connection = dict(
            recent.filter(connection__in={row.connection_id for row in rows})
            .values_list("connection_id")
            .annotate(count=Count("pk"))
        )
        items = {row.item_id for row in rows if row.item_id is not None}
        by_item: dict[int, int] = dict.fromkeys(items, 0)
        counted = recent.filter(Q(item__in=items) | Q(item__parent__in=items))
        for item, parent, count in counted.values_list("item_id", "item__parent_id").annotate(count=Count("pk")):
            for one in {item, parent} & items:
                by_item[one] += count
        return {
            row.pk: by_item[row.item_id] if row.item_id is not None else by_connection.get(row.connection_id, 0)
            for row in rows
        }

    def _seen(self, ids: Any) -> dict[int, Execution]:
        """Those executions among ``ids`` that the person may see."""
        return executions_visible_to(user=self.user).in_bulk({pk for pk in ids if pk is not None})


def _health_words(found: Health) -> str:
    count = len(found.reasons)
    if not count:
        return f"{_state_words(found)}."
    things = f"{count} thing{' needs' if count == 1 else 's need'} a look"
    return f"{_state_words(found)}; {things}"


def _state_words(found: Health) -> str:
    return "Nothing new starts" if found.state != "error" and not _may_start() else _WORDS[found.state]


def _may_start() -> bool:
    limits = Limits.objects.get(pk=1)
    return not limits.is_paused and limits.max_agents > 0 and limits.max_workspaces > 0


def _figure(name: str, value: int, words: str, url: str) -> dict[str, str]:
    return {"name": name, "value": f"{value:,}", "words": words, "url": url}


def _paused(pause: Pause, *, may_resume: bool) -> dict[str, Any]:
    pages = {EVERYTHING: ("limits", "limits-resume"), CONNECTION: ("connection", "connection-resume")}
    page, resume = pages.get(pause.kind, ("trigger", "trigger-resume"))
    args = [] if pause.id is None else [pause.id]
    act = {"label": "Resume", "url": reverse(resume, args=args)} if may_resume else None
    # A trigger's page is for all who see it; the other two for those who may change them.
    url = reverse(page, args=args) if may_resume or pause.kind == TRIGGER else ""
    return {"title": pause.name, "url": url, "reason": pause.reason, "by": pause.by, "at": pause.at, "act": act}


def _waiting(one: Waiting, execution: Execution) -> dict[str, Any]:
    return {
        "position": one.position or "",
        "title": execution_title(execution),
        "url": reverse("execution", args=[execution.pk]),
        "priority": one.start.priority,
        "because": one.reason,
        "since": one.start.queued_at,
        "expires_at": one.start.expires_at,
    }


def _pool(pool: PoolSlots, holders: Sequence[SlotHolder], seen: dict[int, Execution], limits: Limits) -> dict[str, Any]:
    busy = []
    for holder in holders:
        if holder.pool != pool.pool:
            continue
        pk = holder.start.refs.get("execution")
        known = pk in seen
        cell = {
            "label": str(pk) if known else "busy",
            "title": execution_number(pk) if known and pk is not None else "busy with somebody else’s work",
            "url": reverse("execution", args=[pk]) if known else reverse("status"),
        }
        busy += [cell] * holder.units
    kept = reserved_share(pool.limit, limits.reserved_percent)
    words = f"{pool.busy} of {pool.limit} busy"
    if limits.is_paused:
        words = f"{words}, all starts are paused"
    elif kept:
        words = f"{words}, {kept} kept for priority {limits.reserved_from_priority} and above"
    return {
        "name": Pool(pool.pool).label,
        "words": words,
        "busy": busy[:SHOWN],
        "free": range(max(0, min(pool.free, SHOWN))),
        "kept": range(max(0, min(pool.kept, SHOWN))),
    }


def _listener(row: ContextListener, events: int) -> dict[str, Any]:
    name = item_label(row.item) if row.item is not None else row.connection.name
    query = f"item={row.item_id}" if row.item_id is not None else f"connection={row.connection_id}"
    return {
        "name": name,
        "url": f"{reverse('events')}?{query}",
        "source": row.connection.source,
        "state": row.status,
        "why": row.status_reason or _how(row),
        "heard_at": row.heard_at or row.last_checked,  # type: ignore[attr-defined]
        "events": f"{events:,}",
    }


def _how(row: ContextListener) -> str:
    if row.next_due_at is not None:
        return f"polled each {row.polling_interval_ms / 1000:g} s"
    return "waits for webhooks"


def _address(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""
