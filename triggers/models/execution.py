"""Executions: one piece of work that a firing asked for, with its steps and attempts."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models import AgentIntent, StartRequest
from dct_site.kernel.moves import Machine
from triggers.enums import EXECUTION_MOVES, Attention, ExecutionStatus, StepName, StepStatus
from triggers.models.event import Event
from triggers.models.trigger import Trigger, TriggerRevision
from workspaces.models import Workspace


class Execution(models.Model):
    """Exists only if it is to run. ``starting`` is under a lease (``lease_owner``, ``lease_until``, fenced by
    ``epoch``). ``event_count`` is how many events it is about: the one that began it and those that it took in while
    it waited. One that a newer event cancelled names what took its place. ``matching`` says which agents at work it was
    compared with and what came of it (``triggers.services.launch.matching``); ``news`` is what an agent at work is told
    for it, where it has no workspace of its own.
    """

    MOVES: ClassVar[Machine] = EXECUTION_MOVES

    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, related_name="executions", db_index=False)
    revision = models.ForeignKey(TriggerRevision, on_delete=models.PROTECT, related_name="+")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="executions")
    event_count = models.PositiveIntegerField(default=1, db_default=1)
    replaced_by = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaces")
    item_id_at_start = models.BigIntegerField(null=True)
    start = models.OneToOneField(StartRequest, on_delete=models.PROTECT, null=True, related_name="+")
    workspace = models.ForeignKey(
        Workspace, on_delete=models.SET_NULL, null=True, blank=True, related_name="executions"
    )
    news = models.OneToOneField(AgentIntent, on_delete=models.SET_NULL, null=True, blank=True, related_name="execution")
    matching = models.JSONField(default=dict, blank=True, db_default=models.Value({}, models.JSONField()))
    status = models.CharField(max_length=20, choices=ExecutionStatus, default=ExecutionStatus.QUEUED)
    attention = models.CharField(max_length=12, choices=Attention, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    priority = models.PositiveSmallIntegerField(default=5)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    epoch = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    takeovers = models.PositiveSmallIntegerField(default=0, help_text="How often a launch was found cut off.")
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    dead_lettered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=ExecutionStatus.values), name="execution_status_known"),
            models.CheckConstraint(
                condition=Q(status="needs_attention") ^ Q(attention=""), name="execution_attention_reason"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["trigger", "-id"], name="execution_by_trigger"),
            models.Index(fields=["status", "-id"], name="execution_by_status"),
            # What a trigger has under way: its bounds are asked about at every match.
            models.Index(
                fields=["trigger"],
                condition=Q(status__in=["queued", "starting", "running", "verifying", "needs_attention"]),
                name="execution_under_way",
            ),
            # What ended lately, of everything and of a trigger: health and metrics read these, no more.
            models.Index(fields=["ended_at", "status"], condition=Q(ended_at__isnull=False), name="execution_ended"),
            models.Index(
                fields=["trigger", "ended_at", "status"],
                condition=Q(ended_at__isnull=False),
                name="execution_ended_of_trigger",
            ),
            models.Index(fields=["lease_until"], condition=Q(status="starting"), name="execution_to_launch"),
            models.Index(
                fields=["deadline_at"],
                condition=Q(status__in=["starting", "running", "verifying", "needs_attention"]),
                name="execution_deadlines",
            ),
        ]

    def __str__(self) -> str:
        return f"execution {self.pk}"

    def journal_refs(self) -> dict[str, int]:
        refs = {"execution": self.pk, "trigger": self.trigger_id, "event": self.event_id}
        if self.item_id_at_start:
            refs["item"] = self.item_id_at_start
        if self.workspace_id:
            refs["workspace"] = self.workspace_id
        return refs


class ExecutionStep(models.Model):
    """One step of an execution; each is idempotent and may be run again after a crash."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps", db_index=False)
    name = models.CharField(max_length=20, choices=StepName)
    position = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=StepStatus, default=StepStatus.PENDING)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["execution", "name"], name="step_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class Attempt(models.Model):
    """One try at an execution, from its admission to its end."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["execution", "number"], name="attempt_number_once")]

    def __str__(self) -> str:
        return f"attempt {self.number}"
