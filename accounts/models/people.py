"""People, their API tokens, the feature toggles, and single rights granted to a person."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from knox.models import AbstractAuthToken

from accounts.enums import Role, Toggle, TokenScope


class User(AbstractUser):  # type: ignore[django-manager-missing]
    """A person (or a program that acts as one). Deny by default: a new user is a CEO/salesperson who sees only own
    things.
    """

    role = models.CharField(max_length=20, choices=Role, default=Role.CEO)

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
        ]

    @property
    def audit_name(self) -> str:
        return self.username


EVENTS_PER_MINUTE = 6000


class ApiToken(AbstractAuthToken):  # type: ignore[misc]
    """A hashed, expiring API token; ``scopes`` narrows what it may be used for."""

    name = models.CharField(max_length=100, blank=True)
    scopes = models.JSONField(default=list, help_text="Token scopes; empty means full.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    events_per_minute = models.PositiveIntegerField(
        default=EVENTS_PER_MINUTE,
        db_default=EVENTS_PER_MINUTE,
        help_text="How many events may be posted with it in a minute; the others get 429.",
    )

    def allows(self, scope: TokenScope) -> bool:
        """True where the token carries ``scope`` or is a full one."""
        return not self.scopes or TokenScope.FULL in self.scopes or scope in self.scopes


class FeatureToggle(models.Model):
    """One switch per feature. A missing row reads as on, so a new feature needs no data migration."""

    key = models.CharField(max_length=40, choices=Toggle, unique=True)
    is_on = models.BooleanField(default=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["key"]

    def __str__(self) -> str:
        return f"{self.get_key_display()}: {'on' if self.is_on else 'off'}"

    @property
    def audit_name(self) -> str:
        return self.key


class OperationGrant(models.Model):
    """A single operation granted to a person within the ceiling of the role (permissions table, row 9 for Support)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="operation_grants")
    operation = models.CharField(max_length=60)
    granted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    granted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "operation"], name="operation_grant_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.operation}"
