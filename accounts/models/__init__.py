"""Rows of the lowest room: people and their rights, connections and secrets, audit, journal."""

from accounts.models.audit import AuditEntry
from accounts.models.connection import Connection, Secret
from accounts.models.heartbeat import Heartbeat
from accounts.models.idempotency import IdempotencyKey
from accounts.models.journal import JournalEntry
from accounts.models.people import EVENTS_PER_MINUTE, ApiToken, FeatureToggle, OperationGrant, User

__all__ = [
    "EVENTS_PER_MINUTE",
    "ApiToken",
    "AuditEntry",
    "Connection",
    "FeatureToggle",
    "Heartbeat",
    "IdempotencyKey",
    "JournalEntry",
    "OperationGrant",
    "Secret",
    "User",
]
