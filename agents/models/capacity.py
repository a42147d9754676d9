"""Capacity: the limits, who waits for a start, and who holds a slot."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from agents.enums import START_MOVES, Pool, Rung, StartStatus
from dct_site.kernel.moves import Machine


class Limits(models.Model):
    """The one row of global limits, and the row that admission locks. Limit 0 means paused."""

    max_agents = models.PositiveIntegerField(default=4)
    max_workspaces = models.PositiveIntegerField(default=20)
    reserved_percent = models.PositiveSmallIntegerField(default=25, help_text="Share kept for high priority.")
    reserved_from_priority = models.PositiveSmallIntegerField(default=8)
    backlog_after_s = models.PositiveIntegerField(
        default=300, db_default=300, help_text="What comes of an event that had to wait longer belongs to a backlog."
    )
    backlog_percent = models.PositiveSmallIntegerField(
        default=50, db_default=50, help_text="Share of the slots that a backlog may hold."
    )
    ageing_s = models.PositiveIntegerField(
        default=300, db_default=300, help_text="Seconds of waiting that raise a start by one priority, twice at most."
    )
    is_paused = models.BooleanField(default=False, help_text="Nothing new starts.")
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    rung = models.PositiveSmallIntegerField(
        choices=Rung, default=Rung.CALM, db_default=0, help_text="How far up the overload ladder DCT stands."
    )
    rung_at = models.DateTimeField(null=True, blank=True, help_text="Since when it stands there.")
    rung_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    rung_looked_at = models.DateTimeField(null=True, blank=True)
    rung_calm_since = models.DateTimeField(null=True, blank=True, help_text="Since when it may go down.")
    has_budgets = models.BooleanField(
        default=False, db_default=False, help_text="Whether any budget is to be looked at before a start."
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="limits_one_row"),
            models.CheckConstraint(condition=Q(reserved_percent__lte=100), name="limits_percent"),
            models.CheckConstraint(condition=Q(reserved_from_priority__range=(1, 10)), name="limits_priority"),
            models.CheckConstraint(condition=Q(backlog_percent__range=(1, 100)), name="limits_backlog"),
            models.CheckConstraint(condition=Q(rung__range=(0, 4)), name="limits_rung"),
        ]
        verbose_name_plural = "limits"

    def __str__(self) -> str:
        return f"{self.max_agents} agents, {self.max_workspaces} workspaces"


class StartRequest(models.Model):
    """A wish for capacity. ``kind`` and ``subject_id`` name what starts; a registered handler is called when it is
    admitted.

    ``concurrency_key`` with ``key_limit`` bounds how many of one key hold slots at once (a trigger's own limit), and
    with ``per_hour`` and ``per_day`` how many begin; ``item_key`` with ``item_limit`` does so for what is about one
    item; the limit of ``connection_key`` stands with the connection. Those of one key and item that are ``is_in_turn``
    go one after the other, by ``subject_id``. A request that something of its own keeps back is parked outside the
    ready index, behind the key that ``parked_for`` names. ``backlog_turn`` is 0 for what is fresh; what came of old
    events after an outage has a turn, in which the keys alternate.
    """

    MOVES: ClassVar[Machine] = START_MOVES

    kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=StartStatus, default=StartStatus.WAITING)
    priority = models.PositiveSmallIntegerField(default=5)
    agents = models.PositiveSmallIntegerField(default=1)
    workspaces = models.PositiveSmallIntegerField(default=1)
    concurrency_key = models.CharField(max_length=80, blank=True)
    key_limit = models.PositiveIntegerField(null=True, blank=True)
    per_hour = models.PositiveIntegerField(null=True, blank=True)
    per_day = models.PositiveIntegerField(null=True, blank=True)
    item_key = models.CharField(max_length=80, blank=True, default="", db_default="")
    item_limit = models.PositiveIntegerField(null=True, blank=True)
    connection_key = models.CharField(max_length=80, blank=True, default="", db_default="")
    parked_for = models.CharField(max_length=80, blank=True, default="", db_default="")
    is_in_turn = models.BooleanField(
        default=False, db_default=False, help_text="Starts only when what is before it for its item has ended."
    )
    is_resumed = models.BooleanField(default=False, help_text="Goes to the head of its priority.")
    backlog_turn = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Its turn in a backlog; 0 for what is fresh."
    )
    refs = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it waits.")
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    admitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-priority", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "subject_id"],
                condition=Q(status__in=["waiting", "parked", "admitted"]),
                name="start_once_per_subject",
            ),
            models.CheckConstraint(condition=Q(priority__range=(1, 10)), name="start_priority"),
            models.CheckConstraint(condition=Q(status__in=StartStatus.values), name="start_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(
                F("priority").desc(),
                F("is_resumed").desc(),
                "backlog_turn",
                "id",
                condition=Q(status="waiting"),
                name="start_in_turn",
            ),
            # While a pool is full, only who needs nothing of it is looked for.
            models.Index(fields=["priority"], condition=Q(status="waiting", agents=0), name="start_without_agent"),
            models.Index(
                fields=["priority"], condition=Q(status="waiting", workspaces=0), name="start_without_workspace"
            ),
            models.Index(
                "parked_for",
                F("priority").desc(),
                F("is_resumed").desc(),
                "backlog_turn",
                "id",
                condition=Q(status="parked"),
                name="start_parked_for",
            ),
            models.Index(
                fields=["concurrency_key"], condition=Q(status="admitted", concurrency_key__gt=""), name="start_key"
            ),
            models.Index(fields=["item_key"], condition=Q(status="admitted", item_key__gt=""), name="start_item"),
            models.Index(
                fields=["connection_key"],
                condition=Q(status="admitted", connection_key__gt=""),
                name="start_connection",
            ),
            models.Index(
                fields=["concurrency_key", "admitted_at"],
                condition=Q(admitted_at__isnull=False, is_resumed=False, concurrency_key__gt=""),
                name="start_begun",
            ),
            models.Index(
                fields=["concurrency_key", "item_key", "subject_id"],
                condition=Q(is_in_turn=True, status__in=["waiting", "parked", "admitted"]),
                name="start_turns",
            ),
            models.Index(fields=["expires_at"], condition=Q(status__in=["waiting", "parked"]), name="start_expiry"),
            # Of a backlog alone: empty in quiet times.
            models.Index(
                fields=["concurrency_key", "-backlog_turn"],
                condition=Q(backlog_turn__gt=0, status__in=["waiting", "parked"]),
                name="start_backlog_key",
            ),
            models.Index(
                fields=["backlog_turn"],
                condition=Q(backlog_turn__gt=0, status__in=["waiting", "parked"]),
                name="start_backlog_turn",
            ),
            models.Index(fields=["admitted_at"], condition=Q(backlog_turn__gt=0), name="start_backlog_pace"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"

    def journal_refs(self) -> dict[str, int]:
        return {"start": self.pk, **self.refs}


class SlotHolder(models.Model):
    """Slots in use: taken at admission, deleted at release. Counts come from these rows under the limits' lock."""

    pool = models.CharField(max_length=12, choices=Pool)
    start = models.ForeignKey(StartRequest, on_delete=models.PROTECT, related_name="holders")
    units = models.PositiveSmallIntegerField(default=1)
    is_reserved_class = models.BooleanField(
        default=False, help_text="Admitted with a priority that may use the reserved share."
    )
    is_backlog = models.BooleanField(default=False, db_default=False, help_text="What it works on waited in a backlog.")
    taken_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["pool", "start"], name="holder_once")]
        # All that an admission sums up, so that it reads no row.
        indexes: ClassVar = [
            models.Index(fields=["pool", "is_reserved_class", "is_backlog", "units"], name="holder_sums")
        ]

    def __str__(self) -> str:
        return f"{self.units} {self.pool} by {self.start_id}"
