"""Signs of life of the processes that make up DCT."""

from typing import ClassVar

from django.db import models


class Heartbeat(models.Model):
    """When a process of a role was last seen alive: one row per role and owner, renewed every few seconds."""

    role = models.CharField(max_length=20)
    owner = models.CharField(max_length=100)
    at = models.DateTimeField()
    facts = models.JSONField(default=dict, help_text="What it says of itself: sandbox level, pid, version.")

    class Meta:
        ordering: ClassVar = ["role", "owner"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["role", "owner"], name="heartbeat_once")]

    def __str__(self) -> str:
        return f"{self.role} {self.owner}"
