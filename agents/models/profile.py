"""What an agent is started from: the four matching criteria, and the programs that Developers registered."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from agents.enums import ModelApi, TranscriptKind
from dct_site.kernel.fields import EncryptedTextField


class RuntimeCommand(models.Model):
    """A program that a Developer registered: argv as a list (never a shell line), run inside the workspace."""

    name = models.CharField(max_length=100, unique=True)
    argv = models.JSONField(help_text='The program and its arguments as a list, for instance ["python3", "agent.py"].')
    description = models.TextField(blank=True)
    environment = models.JSONField(default=dict, blank=True, help_text="Fixed variables; never secrets.")
    transcript = models.CharField(
        max_length=40,
        choices=TranscriptKind,
        default=TranscriptKind.LINES,
        db_default=TranscriptKind.LINES,
        help_text="How it tells what it does.",
    )
    is_enabled = models.BooleanField(default=True)
    is_network_allowed = models.BooleanField(default=False)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name


class CommandSecret(models.Model):
    """A secret of a program, by the name of the variable in which its runs find it. Never read back."""

    command = models.ForeignKey(RuntimeCommand, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=100)
    value = EncryptedTextField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["command", "name"], name="command_secret_once")]

    def __str__(self) -> str:
        return f"{self.name} of {self.command_id}"


class ModelProvider(models.Model):
    """Who answers as a model, registered by a Developer; profiles name it before the colon of their ``model``.

    ``key`` is never read back; empty for a server that asks for none. ``base_url`` is empty for the maker's own.
    """

    name = models.CharField(max_length=40, unique=True, help_text="As profiles write it before the colon.")
    api = models.CharField(max_length=20, choices=ModelApi, default=ModelApi.ANTHROPIC, help_text="What it speaks.")
    base_url = models.CharField(max_length=500, blank=True, help_text="Empty: the maker's own.")
    key = EncryptedTextField(blank=True)
    description = models.TextField(blank=True)
    is_enabled = models.BooleanField(default=True)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name


class AgentProfile(models.Model):
    """Model, instructions, permissions and user comment (the four criteria of matching), and how it is run."""

    name = models.CharField(max_length=200)
    runtime = models.CharField(max_length=40, default="digest")
    model = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    permissions = models.JSONField(default=dict, blank=True)
    user_comment = models.TextField(blank=True)
    command = models.ForeignKey(
        RuntimeCommand, on_delete=models.PROTECT, null=True, blank=True, related_name="profiles"
    )
    time_limit_s = models.PositiveIntegerField(default=900)
    output_limit_bytes = models.PositiveBigIntegerField(default=16 * 1024 * 1024)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    max_rounds = models.PositiveSmallIntegerField(default=3, help_text="How often a failing gate sends the agent back.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="agent_profiles")
    is_archived = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(runtime="command") | models.Q(command__isnull=False),
                name="command_runtime_names_a_command",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_name(self) -> str:
        return self.name
