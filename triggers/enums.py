"""The closed vocabularies of intake, decisions, triggers and executions, and where each may go."""

from django.db import models

from dct_site.kernel.moves import Machine, machine


class Verification(models.TextChoices):
    """How the door verifies a webhook."""

    GITHUB = "github", "GitHub (X-Hub-Signature-256)"
    HMAC_SHA256 = "hmac_sha256", "HMAC-SHA256 of the raw body"


class DeliveryStatus(models.TextChoices):
    RECEIVED = "received", "Received"
    DECIDED = "decided", "Decided"
    REFUSED = "refused", "Refused"
    REJECTED = "rejected", "Rejected"
    ERROR = "error", "Error"


class Refusal(models.TextChoices):
    """Why a delivery was rejected at the door or refused by its source's parser."""

    BAD_SIGNATURE = "bad_signature", "The signature does not match"
    NO_SECRET = "no_secret", "The endpoint has no secret"
    STALE_TIMESTAMP = "stale_timestamp", "The timestamp is more than 5 minutes off"
    TOO_LARGE = "too_large", "The body is too large"
    NOT_SAFE_JSON = "not_safe_json", "The body is not safe JSON"
    RATE_LIMITED = "rate_limited", "Too many requests"
    NOT_UNDERSTOOD = "not_understood", "The source's parser does not understand it"
    NOT_SUPPORTED = "not_supported", "The source has no use for this kind of event"


class Origin(models.TextChoices):
    LIVE = "live", "Live"
    BACKFILL = "backfill", "Backfill"
    REPLAY = "replay", "Replay"
    MANUAL = "manual", "By hand"
    TIMER = "timer", "Timer"
    INTERNAL = "internal", "Internal"


class RevisionChoice(models.TextChoices):
    """By which revision a replay is judged, and run."""

    NOW = "now", "The one of now"
    THEN = "then", "The one of then"


class BulkKind(models.TextChoices):
    """What a bulk replay repeats."""

    EVENTS = "events", "Events"
    DELIVERIES = "deliveries", "Refused deliveries"


class BulkStatus(models.TextChoices):
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"


BULK_REPLAY_MOVES: Machine = machine(
    "bulk_replay",
    {
        BulkStatus.RUNNING: [BulkStatus.PAUSED, BulkStatus.DONE, BulkStatus.CANCELLED],
        BulkStatus.PAUSED: [BulkStatus.RUNNING, BulkStatus.CANCELLED],
        BulkStatus.DONE: [],
        BulkStatus.CANCELLED: [],
    },
)


class ErasureKind(models.TextChoices):
    """What an erasure is about."""

    ITEM = "item", "An item"
    PERSON = "person", "A person"


class ErasureStatus(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"


ERASURE_MOVES: Machine = machine("erasure", {ErasureStatus.RUNNING: [ErasureStatus.DONE], ErasureStatus.DONE: []})


class ListenerType(models.TextChoices):
    """How an item or a connection is watched."""

    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "Mail (IMAP poll)"
    SCHEDULE = "schedule", "Schedule"


class ListenerStatus(models.TextChoices):
    HEALTHY = "healthy", "Healthy"
    DEGRADED = "degraded", "Degraded"
    BREAKER_OPEN = "breaker_open", "Breaker open"
    CREDENTIAL_EXPIRED = "credential_expired", "Credential expired"
    SILENT = "silent", "Silent"
    PAUSED = "paused", "Paused"


_ANY_LISTENER = list(ListenerStatus)
LISTENER_MOVES: Machine = machine(
    "listener", {status: [other for other in _ANY_LISTENER if other != status] for status in _ANY_LISTENER}
)


class MisfirePolicy(models.TextChoices):
    """What happens to the slots of a schedule that were missed."""

    SKIP = "skip", "Leave them out"
    RUN_ONCE = "run_once", "Run once for all of them"
    CATCH_UP = "catch_up", "Catch up, up to a number"


class SlotStatus(models.TextChoices):
    """What became of a slot."""

    FIRED = "fired", "Fired"
    MISSED = "missed", "Missed"


class TriggerStatus(models.TextChoices):
    NEW = "new", "New"
    ACTIVE = "active", "Active"
    SHADOW = "shadow", "Shadow"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled"


TRIGGER_MOVES: Machine = machine(
    "trigger",
    {
        TriggerStatus.NEW: [TriggerStatus.ACTIVE, TriggerStatus.SHADOW, TriggerStatus.PAUSED, TriggerStatus.DISABLED],
        TriggerStatus.ACTIVE: [TriggerStatus.PAUSED, TriggerStatus.SHADOW, TriggerStatus.DISABLED],
        TriggerStatus.SHADOW: [TriggerStatus.ACTIVE, TriggerStatus.PAUSED, TriggerStatus.DISABLED],
        TriggerStatus.PAUSED: [TriggerStatus.ACTIVE, TriggerStatus.SHADOW, TriggerStatus.DISABLED],
        TriggerStatus.DISABLED: [TriggerStatus.ACTIVE, TriggerStatus.SHADOW, TriggerStatus.PAUSED],
    },
)


class WatchStatus(models.TextChoices):
    """How an armed absence stands."""

    ARMED = "armed", "Armed"
    ELAPSED = "elapsed", "Elapsed"
    DISARMED = "disarmed", "Disarmed"
    ENDED = "ended", "Ended"


WATCH_MOVES: Machine = machine(
    "watch",
    {
        WatchStatus.ARMED: [WatchStatus.ELAPSED, WatchStatus.DISARMED, WatchStatus.ENDED],
        WatchStatus.ELAPSED: [],
        WatchStatus.DISARMED: [],
        WatchStatus.ENDED: [],
    },
)


class Outcome(models.TextChoices):
    """The answer of a decision. Not matched is recomputed, never stored, unless it consulted other events."""

    FIRED = "fired", "Fired"
    SHADOWED = "shadowed", "Would have fired"
    NOT_MATCHED = "not_matched", "Not matched"
    SUPPRESSED = "suppressed", "Suppressed"
    ERROR = "error", "Could not decide"


class Suppression(models.TextChoices):
    PAUSED = "paused", "Paused"
    SOURCE_PAUSED = "source_paused", "Source paused"
    COOLDOWN = "cooldown", "Cooldown"
    RATE = "rate", "Rate"
    OVERLAP = "overlap", "Overlap"
    OWN_WRITE = "own_write", "Own write"
    HOP_LIMIT = "hop_limit", "Hop limit"
    STALE = "stale", "Stale"
    LATE = "late", "Late"
    STORM = "storm", "Storm"
    OWNER_RIGHTS = "owner_rights", "Owner's rights"
    FEATURE_DISABLED = "feature_disabled", "Feature disabled"


class FiringRole(models.TextChoices):
    PRIMARY = "primary", "Primary"
    MERGED = "merged", "Merged"
    BATCHED = "batched", "Batched"


class CooldownPolicy(models.TextChoices):
    """What happens to a match inside the cooldown."""

    DELAY = "delay", "Delay"
    SKIP = "skip", "Skip"
    COALESCE = "coalesce", "Add it to the item's run that waits for its end"


class CooldownBy(models.TextChoices):
    """Whose firings begin a cooldown."""

    TRIGGER = "trigger", "Of the trigger"
    ITEM = "item", "Of each item"


class OverlapPolicy(models.TextChoices):
    """What happens to a match while a run of the same trigger for the same item waits or works."""

    ALLOW = "allow", "Start another run"
    QUEUE = "queue", "One after the other, in order"
    SKIP = "skip", "Skip"
    COALESCE = "coalesce", "Add it to the run that still waits"
    CANCEL_RUNNING = "cancel_running", "Cancel that run and start this one"


class QueuePolicy(models.TextChoices):
    """What happens to a match while the trigger's part of the queue is full."""

    SKIP = "skip", "Skip"
    COALESCE = "coalesce", "Add it to the item's run that waits, or skip"
    DROP_OLDEST = "drop_oldest", "Cancel the run that has waited longest"


class BatchBy(models.TextChoices):
    """Which events make a batch."""

    ITEM = "item", "Of one item"
    TRIGGER = "trigger", "Of all items"


class LatePolicy(models.TextChoices):
    """What a trigger does with an event that is older than what its item already shows."""

    JUDGE = "judge", "Judge it by its own before and after"
    SKIP = "skip", "Skip"


class ExecutionStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    VERIFYING = "verifying", "Verifying"
    NEEDS_ATTENTION = "needs_attention", "Needs you"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    TIMED_OUT = "timed_out", "Timed out"
    EXPIRED = "expired", "Expired"


_E = ExecutionStatus
EXECUTION_MOVES: Machine = machine(
    "execution",
    {
        _E.QUEUED: [_E.STARTING, _E.CANCELLED, _E.EXPIRED, _E.FAILED],
        _E.STARTING: [_E.RUNNING, _E.NEEDS_ATTENTION, _E.QUEUED, _E.FAILED, _E.CANCELLED, _E.TIMED_OUT],
        _E.RUNNING: [_E.QUEUED, _E.VERIFYING, _E.NEEDS_ATTENTION, _E.FAILED, _E.CANCELLED, _E.TIMED_OUT],
        _E.VERIFYING: [_E.RUNNING, _E.SUCCEEDED, _E.NEEDS_ATTENTION, _E.FAILED, _E.CANCELLED, _E.TIMED_OUT],
        _E.NEEDS_ATTENTION: [_E.RUNNING, _E.VERIFYING, _E.FAILED, _E.CANCELLED, _E.TIMED_OUT],
        _E.SUCCEEDED: [],
        _E.FAILED: [],
        _E.CANCELLED: [],
        _E.TIMED_OUT: [],
        _E.EXPIRED: [],
    },
)


class Failure(models.TextChoices):
    """Where it failed: on the way in, or at a step of an execution."""

    LISTENER_CONNECTION = "listener_connection", "Listener connection"
    WORKSPACE_CREATION = "workspace_creation", "Workspace creation"
    AGENT_DEPLOYMENT = "agent_deployment", "Agent deployment"
    DELIVERABLE_COMPLETION = "deliverable_completion", "Deliverable completion"


class Window(models.TextChoices):
    """How far back figures look."""

    HOUR = "hour", "Last hour"
    DAY = "day", "Last day"
    WEEK = "week", "Last week"


class Attention(models.TextChoices):
    """Why a person must act."""

    REVIEW = "review", "Review the draft"
    QUESTION = "question", "Answer a question"
    UNSATISFIED = "unsatisfied", "Deliverables do not hold"
    APPROVAL = "approval", "Approve"


class StepName(models.TextChoices):
    """The steps of an execution, in order; each is idempotent. One that is given to an agent at work delivers its
    update where others clone and deploy.
    """

    CLONE = "clone", "Clone the workspace"
    CONTEXT = "context", "Write the context"
    DEPLOY = "deploy", "Deploy the agent"
    DELIVER_UPDATE = "deliver_update", "Tell the agent at work"
    WORK = "work", "Agent at work"
    VERIFY = "verify", "Prove the deliverables"


class StepStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
