"""Rows of intake, triggers, decisions and executions."""

from triggers.models.decision import Decision, Firing
from triggers.models.delivery import Delivery, DeliveryDuplicates, DeliveryOutcome, PendingDelivery
from triggers.models.endpoint import Generation, WebhookEndpoint
from triggers.models.erasure import Erasure
from triggers.models.event import Event, SeenChange
from triggers.models.execution import Attempt, Execution, ExecutionStep
from triggers.models.listener import ContextListener
from triggers.models.replay import BulkReplay, Replay
from triggers.models.retention import Retention
from triggers.models.schedule import Schedule, ScheduleSlot, SkipCalendar
from triggers.models.trigger import RevisionListener, Trigger, TriggerListener, TriggerRevision, TriggerStanding
from triggers.models.watch import Watch

__all__ = [
    "Attempt",
    "BulkReplay",
    "ContextListener",
    "Decision",
    "Delivery",
    "DeliveryDuplicates",
    "DeliveryOutcome",
    "Erasure",
    "Event",
    "Execution",
    "ExecutionStep",
    "Firing",
    "Generation",
    "PendingDelivery",
    "Replay",
    "Retention",
    "RevisionListener",
    "Schedule",
    "ScheduleSlot",
    "SeenChange",
    "SkipCalendar",
    "Trigger",
    "TriggerListener",
    "TriggerRevision",
    "TriggerStanding",
    "Watch",
    "WebhookEndpoint",
]
