"""How DCT stands: healthy, warning or error, each with its reasons and what to do about it."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.models import Secret
from accounts.services.heartbeat import seconds_since
from agents.enums import StartStatus
from agents.models import Limits, StartRequest
from agents.selectors.backlog import backlog
from triggers.enums import DeliveryStatus, ExecutionStatus, ListenerStatus
from triggers.models import ContextListener, DeliveryOutcome, Execution
from triggers.selectors.backlog import count_words, pace_words
from triggers.selectors.invariants import broken_quickly

HEALTH_STATES = ("healthy", "warning", "error")
SILENT_AFTER_S = 20.0
WAITS_LONG = timedelta(minutes=10)
RECENT = timedelta(hours=1)
DISK_WARNING, DISK_ERROR = 0.05, 0.02


@dataclass(frozen=True)
class Reason:
    """One thing that is not as it should be. ``state`` is ``warning`` or ``error``; ``topic`` says which page mends
    it.
    """

    state: str
    code: str
    text: str
    advice: str
    topic: str


@dataclass(frozen=True)
class Health:
    state: str
    reasons: tuple[Reason, ...]

    def as_json(self) -> dict[str, Any]:
        return {"state": self.state, "reasons": [vars(reason) for reason in self.reasons]}


def health(*, now: datetime) -> Health:
    """Look at everything that the rules know. Bounded queries; safe to ask every second."""
    found = [
        *_processes(now),
        *secrets_under_lost_keys(),
        *_invariants(now),
        *_listeners(),
        *_queue(now),
        *_outcomes(now),
        *_disk(),
    ]
    worst = max((HEALTH_STATES.index(reason.state) for reason in found), default=0)
    found.sort(key=lambda reason: -HEALTH_STATES.index(reason.state))
    return Health(HEALTH_STATES[worst], tuple(found))


def _processes(now: datetime) -> list[Reason]:
    roles = ["agents", "tick"] if settings.SCALED else ["engine"]
    silent = [role for role in roles if (age := seconds_since(role, now=now)) is None or age > SILENT_AFTER_S]
    advice = "Start it again; `./dct doctor` says what is missing."
    return [
        Reason(
            "error", f"{role}_silent", f"The {role} process gives no sign of life, so nothing starts.", advice, "status"
        )
        for role in silent
    ]


def _invariants(now: datetime) -> list[Reason]:
    return [
        Reason("error", one.invariant.code, one.text, one.invariant.advice, one.invariant.topic)
        for one in broken_quickly(now=now)
    ]


def _listeners() -> list[Reason]:
    unwell = ContextListener.objects.exclude(status__in=[ListenerStatus.HEALTHY, ListenerStatus.PAUSED])
    found = []
    for listener in unwell.select_related("connection")[:10]:
        broken = listener.status in {ListenerStatus.BREAKER_OPEN, ListenerStatus.CREDENTIAL_EXPIRED}
        text = f"{listener.connection.name}: {listener.get_status_display().lower()}. {listener.status_reason}".strip()
        advice = (
            "Replace the credential on the connection."
            if listener.status == ListenerStatus.CREDENTIAL_EXPIRED
            else "The next try is made by itself; poll now to try at once."
        )
        found.append(Reason("error" if broken else "warning", "listener", text, advice, "connections"))
    return found


def secrets_under_lost_keys() -> list[Reason]:
    """Connections whose secret none of the keys of now opens; looks at the name of the key, and opens nothing."""
    sealed: Any = Secret.objects.order_by("connection__name").values_list("connection__name", "value")
    names = sorted({name for name, secret in sealed if secret and not secret.has_its_key()})
    if not names:
        return []
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    text = f"The encryption key that opens the secrets of {shown} is not there."
    advice = "Put the key back into DCT_ENCRYPTION_KEYS and start again, or enter these secrets anew."
    return [Reason("error", "wrong_key", text, advice, "connections")]


def _queue(now: datetime) -> list[Reason]:
    limits = Limits.objects.get(pk=1)
    found = []
    if limits.is_paused:
        found.append(
            Reason("warning", "paused", "Everything is paused: nothing new starts.", "Resume under Limits.", "limits")
        )
    waiting = StartRequest.objects.filter(status=StartStatus.WAITING)
    # What a backlog has waiting is meant to wait, and has a reason of its own.
    old = waiting.filter(queued_at__lt=now - WAITS_LONG, backlog_turn=0).exclude(not_before__gt=now).count()
    if old:
        text = f"{old} executions wait for longer than {WAITS_LONG.seconds // 60} minutes."
        found.append(
            Reason("warning", "long_wait", text, "Raise the limits, or look at what holds the slots.", "limits")
        )
    return [*found, *_old_work(now)]


def _old_work(now: datetime) -> list[Reason]:
    left = backlog(now=now)
    if left is None:
        return []
    text = f"{count_words(left)}; fresh ones go first. {pace_words(left)}"
    advice = "Raise the backlog's share or the agents to be through sooner, or cancel what is over."
    return [Reason("warning", "backlog", text, advice, "limits")]


def _outcomes(now: datetime) -> list[Reason]:
    ended = Execution.objects.filter(ended_at__gte=now - RECENT)
    failed = ended.filter(status__in=[ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT]).count()
    found = []
    if failed:
        state = "error" if failed >= 5 and failed * 2 >= ended.count() else "warning"
        text = f"{failed} of {ended.count()} executions failed in the last hour."
        found.append(Reason(state, "failures", text, "Open one and read the reason of its last step.", "executions"))
    poison = DeliveryOutcome.objects.filter(status=DeliveryStatus.ERROR, decided_at__gte=now - RECENT).count()
    if poison:
        text = f"{poison} deliveries could not be decided in the last hour."
        found.append(Reason("warning", "poison", text, "Open one to see the error; the others go on.", "deliveries"))
    return found


def _disk() -> list[Reason]:
    try:
        usage = shutil.disk_usage(settings.DCT_DATA_DIR)
    except OSError:
        return [Reason("error", "data_directory", "The data directory cannot be read.", "Look at its disk.", "status")]
    free = usage.free / usage.total
    if free >= DISK_WARNING:
        return []
    state = "error" if free < DISK_ERROR else "warning"
    what = "webhooks are turned away" if free < DISK_ERROR else "no new workspaces are made"
    return [Reason(state, "disk", f"{free:.0%} of the disk is free: {what}.", "Free some space.", "status")]
