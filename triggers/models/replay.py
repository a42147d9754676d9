"""Replays: what a delivery repeats and how, and bulk replays that are worked off a few at a time."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from dct_site.kernel.moves import Machine
from triggers.enums import BULK_REPLAY_MOVES, BulkKind, BulkStatus, RevisionChoice
from triggers.models.delivery import Delivery
from triggers.models.trigger import Trigger


class BulkReplay(models.Model):
    """A window of events, or of refused deliveries, that is replayed at its own pace.

    ``filters`` are those of the preview (``triggers.services.replays.bulk.Wish``). Of the rows from ``first_id`` to
    ``last_id`` all up to ``after_id`` are done: ``replayed`` came in again, ``skipped`` did not, ``skips`` says why
    ({code: how many}). ``concurrency``: at most so many of them are under way at once.
    """

    MOVES: ClassVar[Machine] = BULK_REPLAY_MOVES

    kind = models.CharField(max_length=10, choices=BulkKind)
    status = models.CharField(max_length=10, choices=BulkStatus, default=BulkStatus.RUNNING)
    reason = models.CharField(max_length=1000, blank=True)
    filters = models.JSONField(default=dict)
    trigger = models.ForeignKey(Trigger, on_delete=models.PROTECT, null=True, related_name="bulk_replays")
    revision = models.CharField(max_length=4, choices=RevisionChoice, default=RevisionChoice.NOW)
    is_draft = models.BooleanField(default=False)
    priority = models.PositiveSmallIntegerField(null=True)
    concurrency = models.PositiveSmallIntegerField()
    total = models.PositiveIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    after_id = models.BigIntegerField()
    replayed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    skips = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulk_replays")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=BulkStatus.values), name="bulk_replay_status_known"),
            models.CheckConstraint(
                condition=Q(priority=None) | Q(priority__range=(1, 10)), name="bulk_replay_priority"
            ),
            models.CheckConstraint(condition=Q(concurrency__range=(1, 100)), name="bulk_replay_concurrency"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(status="running"), name="bulk_replay_running"),
        ]

    def __str__(self) -> str:
        return f"bulk replay {self.pk}"

    def journal_refs(self) -> dict[str, int]:
        refs: dict[str, Any] = {"bulk_replay": self.pk, "trigger": self.trigger_id}
        return {name: value for name, value in refs.items() if value is not None}


class Replay(models.Model):
    """What a delivery repeats: an event, or a delivery that was refused. Written with it, read when it is decided.

    ``as_of`` is the generation whose revisions judge (null: those of now), ``edited`` names the paths of the event that
    somebody changed (what they held and hold stands in the two events). ``is_under_way``: one of a bulk that is not
    decided, or whose executions go on. No foreign keys into deliveries and events: they may be purged and moved.
    """

    delivery = models.OneToOneField(
        Delivery, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="replay"
    )
    event_id = models.BigIntegerField(null=True)
    of_delivery_id = models.BigIntegerField(null=True)
    as_of = models.PositiveBigIntegerField(null=True)
    is_draft = models.BooleanField(default=False)
    priority = models.PositiveSmallIntegerField(null=True)
    edited = models.JSONField(default=list)
    bulk = models.ForeignKey(BulkReplay, on_delete=models.PROTECT, null=True, related_name="replays")
    is_under_way = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-delivery_id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(event_id=None) ^ Q(of_delivery_id=None), name="replay_of_one_thing"),
            models.CheckConstraint(condition=Q(priority=None) | Q(priority__range=(1, 10)), name="replay_priority"),
            # Exactly once in each bulk, whatever is killed and whoever works beside it.
            models.UniqueConstraint(
                fields=["bulk", "event_id"], condition=Q(bulk__isnull=False), name="replay_event_once_per_bulk"
            ),
            models.UniqueConstraint(
                fields=["bulk", "of_delivery_id"], condition=Q(bulk__isnull=False), name="replay_delivery_once_per_bulk"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["of_delivery_id"], condition=Q(event_id=None), name="replay_of_delivery"),
            models.Index(fields=["bulk"], condition=Q(is_under_way=True), name="replay_under_way"),
        ]

    def __str__(self) -> str:
        repeated = f"event {self.event_id}" if self.event_id is not None else f"delivery {self.of_delivery_id}"
        return f"replay of {repeated}"
