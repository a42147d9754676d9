"""How every status is shown: one table of tone, icon and word, so that no page picks a colour of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """The six tones for how things are; colour is the third signal after shape and word."""

    GOOD = "good"
    LIVE = "live"
    WAIT = "wait"
    WARN = "warn"
    BAD = "bad"
    OFF = "off"


class Kind(StrEnum):
    """What a status belongs to."""

    EXECUTION = "execution"
    ATTENTION = "attention"
    TRIGGER = "trigger"
    DECISION = "decision"
    SUPPRESSED = "suppressed"
    DELIVERY = "delivery"
    DELIVERABLE = "deliverable"
    CHECK = "check"
    AGENT = "agent"
    WORKSPACE = "workspace"
    LISTENER = "listener"
    HEALTH = "health"
    FIRING = "firing"
    BULK_REPLAY = "bulk_replay"
    WATCH = "watch"
    ERASURE = "erasure"
    SLOT = "slot"


@dataclass(frozen=True, slots=True)
class StatusWord:
    """How one status looks: its tone, the Bootstrap icon that gives its shape, and the word that gives its meaning.

    ``turns`` is true only for icons that stand for work in progress and may move.
    """

    tone: Tone
    icon: str
    word: str
    turns: bool = False


QUEUED = StatusWord(Tone.WAIT, "hourglass-split", "Queued")
STARTING = StatusWord(Tone.LIVE, "chevron-double-right", "Starting")
RUNNING = StatusWord(Tone.LIVE, "arrow-repeat", "Running", turns=True)
PENDING = StatusWord(Tone.WAIT, "circle", "Pending")
FAILED = StatusWord(Tone.BAD, "x-octagon-fill", "Failed")
COMPLETED = StatusWord(Tone.GOOD, "check-circle-fill", "Completed")
HEALTHY = StatusWord(Tone.GOOD, "check-circle-fill", "Healthy")
PAUSED = StatusWord(Tone.OFF, "pause-circle-fill", "Paused")

WORDS: Mapping[Kind, Mapping[str, StatusWord]] = {
    Kind.EXECUTION: {
        "queued": QUEUED,
        "starting": STARTING,
        "running": RUNNING,
        "verifying": StatusWord(Tone.LIVE, "list-check", "Verifying"),
        "needs_attention": StatusWord(Tone.WARN, "person-raised-hand", "Needs you"),
        "succeeded": StatusWord(Tone.GOOD, "check-circle-fill", "Succeeded"),
        "failed": FAILED,
        "timed_out": StatusWord(Tone.BAD, "alarm", "Timed out"),
        "expired": StatusWord(Tone.OFF, "hourglass-bottom", "Expired"),
        "cancelled": StatusWord(Tone.OFF, "slash-circle", "Cancelled"),
    },
    Kind.ATTENTION: {
        "review": StatusWord(Tone.WARN, "pencil-square", "Draft to review"),
        "question": StatusWord(Tone.WARN, "chat-left-dots-fill", "Agent asks"),
        "unsatisfied": StatusWord(Tone.BAD, "x-square-fill", "Deliverable unsatisfied"),
        "approval": StatusWord(Tone.WARN, "person-raised-hand", "Approval"),
    },
    Kind.TRIGGER: {
        "new": StatusWord(Tone.OFF, "pencil-square", "New"),
        "active": StatusWord(Tone.GOOD, "lightning-charge-fill", "Active"),
        "shadow": StatusWord(Tone.WAIT, "eye", "Shadow"),
        "paused": PAUSED,
        "disabled": StatusWord(Tone.OFF, "power", "Disabled"),
    },
    Kind.DECISION: {
        "fired": StatusWord(Tone.GOOD, "lightning-charge-fill", "Fired"),
        "shadowed": StatusWord(Tone.WAIT, "eye", "Would have fired"),
        "not_matched": StatusWord(Tone.OFF, "dash-circle", "Not matched"),
        "suppressed": StatusWord(Tone.WAIT, "funnel-fill", "Suppressed"),
        "error": StatusWord(Tone.BAD, "bug-fill", "Could not decide"),
    },
    Kind.SUPPRESSED: {
        value: StatusWord(Tone.WAIT, "funnel-fill", word)
        for value, word in {
            "paused": "trigger is paused",
            "source_paused": "source is paused",
            "cooldown": "cooldown",
            "rate": "rate limit",
            "overlap": "enough is under way",
            "own_write": "own write",
            "hop_limit": "hop limit",
            "stale": "too old",
            "late": "arrived late",
            "storm": "event storm",
            "owner_rights": "owner's rights",
            "feature_disabled": "feature is off",
        }.items()
    },
    Kind.DELIVERY: {
        "received": StatusWord(Tone.WAIT, "hourglass-split", "Received"),
        "decided": StatusWord(Tone.GOOD, "check-circle-fill", "Decided"),
        "refused": StatusWord(Tone.OFF, "slash-circle", "Refused"),
        "rejected": StatusWord(Tone.BAD, "shield-exclamation", "Rejected"),
        "error": StatusWord(Tone.BAD, "bug-fill", "Could not be read"),
    },
    Kind.DELIVERABLE: {
        "pending": PENDING,
        "satisfied": StatusWord(Tone.GOOD, "patch-check-fill", "Satisfied"),
        "unsatisfied": StatusWord(Tone.BAD, "x-square-fill", "Unsatisfied"),
        "waived": StatusWord(Tone.OFF, "person-check-fill", "Waived"),
        "expired": StatusWord(Tone.BAD, "alarm", "Expired"),
    },
    Kind.CHECK: {
        "pending": PENDING,
        "passed": StatusWord(Tone.GOOD, "check-lg", "Passed"),
        "failed": StatusWord(Tone.BAD, "x-lg", "Failed"),
        "error": StatusWord(Tone.BAD, "bug-fill", "Could not check"),
    },
    Kind.AGENT: {
        "pending": PENDING,
        "starting": STARTING,
        "running": RUNNING,
        "stopping": StatusWord(Tone.LIVE, "stop-circle", "Stopping"),
        "waiting": StatusWord(Tone.WARN, "chat-left-dots-fill", "Waiting for an answer"),
        "completed": COMPLETED,
        "failed": FAILED,
        "stopped": StatusWord(Tone.OFF, "stop-circle", "Stopped"),
    },
    Kind.WORKSPACE: {
        "building": StatusWord(Tone.LIVE, "tools", "Building"),
        "draft": StatusWord(Tone.WARN, "pencil-square", "Review"),
        "active": StatusWord(Tone.GOOD, "lightning-charge-fill", "Active"),
        "completed": COMPLETED,
        "failed": FAILED,
        "archived": StatusWord(Tone.OFF, "archive", "Archived"),
    },
    Kind.LISTENER: {
        "healthy": HEALTHY,
        "degraded": StatusWord(Tone.WARN, "exclamation-triangle-fill", "Slow"),
        "breaker_open": StatusWord(Tone.BAD, "x-octagon-fill", "Breaker open"),
        "credential_expired": StatusWord(Tone.BAD, "x-octagon-fill", "Credential expired"),
        "silent": StatusWord(Tone.WARN, "exclamation-triangle-fill", "Silent"),
        "paused": PAUSED,
    },
    Kind.HEALTH: {
        "healthy": HEALTHY,
        "warning": StatusWord(Tone.WARN, "exclamation-triangle-fill", "Warning"),
        "error": StatusWord(Tone.BAD, "x-octagon-fill", "Error"),
    },
    Kind.FIRING: {
        "primary": StatusWord(Tone.GOOD, "lightning-charge-fill", "Started the run"),
        "merged": StatusWord(Tone.LIVE, "chevron-double-right", "Joined a run that waited"),
        "batched": StatusWord(Tone.WAIT, "collection", "Joined a batch"),
    },
    Kind.BULK_REPLAY: {
        "running": RUNNING,
        "paused": PAUSED,
        "done": StatusWord(Tone.GOOD, "check-circle-fill", "Done"),
        "cancelled": StatusWord(Tone.OFF, "slash-circle", "Cancelled"),
    },
    Kind.WATCH: {
        "armed": StatusWord(Tone.WAIT, "hourglass-split", "Armed"),
        "elapsed": StatusWord(Tone.GOOD, "alarm", "Time is up"),
        "disarmed": StatusWord(Tone.OFF, "slash-circle", "Disarmed"),
        "ended": StatusWord(Tone.OFF, "stop-circle", "Ended"),
    },
    Kind.SLOT: {
        "fired": StatusWord(Tone.GOOD, "alarm", "Fired"),
        "missed": StatusWord(Tone.OFF, "slash-circle", "Missed"),
    },
    Kind.ERASURE: {
        "running": RUNNING,
        "done": StatusWord(Tone.GOOD, "check-circle-fill", "Done"),
    },
}


def status_word(kind: str, value: str) -> StatusWord:
    """The look of one status; a word that the table lacks is shown as itself, marked as unknown, never hidden.

    ``kind`` is a value of :class:`Kind`; ``ValueError`` if it is not, since that is a mistake in a template.
    """
    known = WORDS[Kind(kind)].get(value)
    return known or StatusWord(Tone.OFF, "question-circle", value.replace("_", " ").capitalize() or "Unknown")


SOURCE_ICONS: Mapping[str, str] = {
    "jira": "ticket-detailed",
    "email": "envelope",
    "slack": "slack",
    "github": "github",
    "linear": "record-circle",
    "webhook": "plug",
    "cloudevents": "cloud",
    "schedule": "calendar-event",
    "internal": "arrow-repeat",
}


def source_icon_name(source: str) -> str:
    """The icon of a source id; one that the table lacks is shown as a plain signal."""
    return SOURCE_ICONS.get(source, "broadcast")
