"""Agents in workspaces, their supervised runs, what they said, what should happen to them, and those replaced."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from agents.enums import AGENT_MOVES, RUN_MOVES, AgentStatus, IntentKind, IntentStatus, MessageKind, RunStatus, WaitsFor
from agents.models.capacity import StartRequest
from agents.models.profile import AgentProfile
from dct_site.kernel.moves import Machine
from workspaces.models import Workspace


class Agent(models.Model):
    """An instance of a profile in a workspace. Its slot is held while its process lives.

    ``checkpoint`` is what its runtime needs to go on; ``rounds`` counts how often the gate sent it back; ``next_epoch``
    numbers its runs. ``criteria`` are those of its beginning, by which it is matched (``agents.criteria``). One that
    ``replaces`` another begins when that one has ended.
    """

    MOVES: ClassVar[Machine] = AGENT_MOVES

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="agents")
    profile = models.ForeignKey(AgentProfile, on_delete=models.PROTECT, related_name="agents")
    start = models.ForeignKey(
        StartRequest,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="agents_started",
        help_text="Holds its slot.",
    )
    status = models.CharField(max_length=20, choices=AgentStatus, default=AgentStatus.PENDING)
    reason = models.CharField(max_length=1000, blank=True)
    criteria = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    replaces = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by"
    )
    checkpoint = models.JSONField(default=dict, blank=True)
    restored_from = models.ForeignKey(
        "agents.ObsoleteAgentRecord",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="restored",
        help_text="It goes on where that one was.",
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    rounds = models.PositiveSmallIntegerField(default=0)
    waits_for = models.CharField(max_length=12, choices=WaitsFor, blank=True, help_text="While it is waiting.")
    claims_done_at = models.DateTimeField(null=True, blank=True, help_text="It says it is done; the gate looks.")
    next_epoch = models.PositiveIntegerField(default=1)
    not_before = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=AgentStatus.values), name="agent_status_known")
        ]
        indexes: ClassVar = [
            models.Index(fields=["not_before", "id"], condition=Q(status="pending"), name="agent_to_start"),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.workspace_id}"

    def journal_refs(self) -> dict[str, int]:
        return {"agent": self.pk, "workspace": self.workspace_id}


class AgentRun(models.Model):
    """One supervised process of an agent. ``epoch`` fences every write that the run makes.

    ``owner`` names the supervisor; ``lease_until`` compares with the database's clock. ``pid``, ``pid_started`` (clock
    ticks since boot) and ``boot_id`` name the shim's process beyond doubt.
    """

    MOVES: ClassVar[Machine] = RUN_MOVES

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="runs")
    epoch = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=RunStatus, default=RunStatus.STARTING)
    owner = models.CharField(max_length=100)
    lease_until = models.DateTimeField()
    pid = models.PositiveIntegerField(null=True)
    pid_started = models.BigIntegerField(null=True)
    boot_id = models.CharField(max_length=40, blank=True)
    sandbox = models.CharField(max_length=20, blank=True)
    began_at = models.DateTimeField(null=True, help_text="When its program was let go.")
    exit_code = models.SmallIntegerField(null=True)
    end_reason = models.CharField(max_length=1000, blank=True)
    output_bytes = models.PositiveBigIntegerField(default=0)
    last_message_seq = models.PositiveIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(null=True, help_text="Used so far, as it says; empty: it said nothing.")
    money = models.PositiveBigIntegerField(null=True, help_text="The same in millionths of the currency.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "epoch"], name="run_epoch_once"),
            models.UniqueConstraint(
                fields=["agent"],
                condition=Q(status__in=["starting", "running", "stopping"]),
                name="run_one_alive_per_agent",
            ),
            models.CheckConstraint(condition=Q(status__in=RunStatus.values), name="run_status_known"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["lease_until"], condition=Q(status__in=["starting", "running", "stopping"]), name="run_leases"
            ),
            # When slots were in use: of what ended lately, its begin and its end.
            models.Index(fields=["ended_at", "started_at"], condition=Q(ended_at__isnull=False), name="run_ended"),
        ]

    def __str__(self) -> str:
        return f"run {self.epoch} of agent {self.agent_id}"

    def journal_refs(self) -> dict[str, int]:
        return {"run": self.pk, "agent": self.agent_id}


class AgentMessage(models.Model):
    """One typed line of a conversation. No foreign keys, so that messages may move to a file of their own."""

    agent_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True)
    seq = models.PositiveIntegerField(help_text="Counts up per agent.")
    kind = models.CharField(max_length=20, choices=MessageKind)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["agent_id", "seq"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["agent_id", "seq"], name="message_seq_once")]

    def __str__(self) -> str:
        return f"{self.agent_id}/{self.seq} {self.kind}"


class AgentIntent(models.Model):
    """What should happen to an agent, as a queue row that one pure function settles."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="intents")
    kind = models.CharField(max_length=10, choices=IntentKind)
    status = models.CharField(max_length=10, choices=IntentStatus, default=IntentStatus.PENDING)
    payload = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    by = models.CharField(max_length=150)
    wisher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["agent", "id"], condition=Q(status="pending"), name="intents_pending")
        ]

    def __str__(self) -> str:
        return f"{self.kind} agent {self.agent_id}"
