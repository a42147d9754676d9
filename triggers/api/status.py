"""The status: health with its reasons, slots, who waits and why, the backlog, how listeners and rates stand."""

from typing import Any, ClassVar

from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import OperationViewSet
from accounts.operations import Operation
from accounts.permissions import visible
from agents.enums import Pool
from agents.models import Limits
from agents.selectors.backlog import backlog
from agents.selectors.capacity import slots
from agents.selectors.overload import overload_of
from agents.selectors.queue import queue
from agents.selectors.utilisation import utilisation
from triggers.api.metrics import UtilisationSerializer
from triggers.enums import ListenerStatus
from triggers.models import ContextListener, PendingDelivery
from triggers.selectors import rates
from triggers.selectors.backlog import oldest_at
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.health import HEALTH_STATES, health
from triggers.selectors.pauses import CONNECTION, EVERYTHING, TRIGGER, pauses

SHOWN = 100
STATES = [(state, state) for state in HEALTH_STATES]


class ReasonSerializer(serializers.Serializer[Any]):
    """One thing that is not as it should be, and what to do about it."""

    state = serializers.ChoiceField(choices=STATES)
    code = serializers.CharField()
    text = serializers.CharField()
    advice = serializers.CharField()
    topic = serializers.CharField()


class HealthSerializer(serializers.Serializer[Any]):
    """How DCT stands. ``reasons`` is null for those who may not look into the triage dashboard."""

    state = serializers.ChoiceField(choices=STATES)
    reasons = ReasonSerializer(many=True, allow_null=True)


class SlotsSerializer(serializers.Serializer[Any]):
    """One pool: slots in all, busy, free for anyone, free but kept for high priority."""

    pool = serializers.ChoiceField(choices=Pool.choices)
    limit = serializers.IntegerField()
    busy = serializers.IntegerField()
    free = serializers.IntegerField()
    kept = serializers.IntegerField()


class WaitingSerializer(serializers.Serializer[Any]):
    """One that waits for a start; ``position`` is null for one that could not start even if all slots were free."""

    execution = serializers.IntegerField(allow_null=True)
    agent = serializers.IntegerField(allow_null=True)
    priority = serializers.IntegerField()
    position = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    queued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When it ends without having begun.")


class RatesSerializer(serializers.Serializer[Any]):
    """What happened in the last hour, of what the caller may see."""

    deliveries = serializers.IntegerField()
    events = serializers.IntegerField()
    fired = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class BacklogSerializer(serializers.Serializer[Any]):
    """What an outage left: ``waiting`` executions, the oldest event's time (null for those who may not see it), agent
    slots that it holds and may hold, and its pace; ``per_minute`` and ``through_s`` are null until something began.
    """

    waiting = serializers.IntegerField()
    oldest_at = serializers.DateTimeField(allow_null=True, default=None)
    since = serializers.DateTimeField(help_text="When the first of it was asked for.")
    busy = serializers.IntegerField()
    most = serializers.IntegerField()
    per_minute = serializers.FloatField(allow_null=True)
    through_s = serializers.IntegerField(allow_null=True)


class PauseSerializer(serializers.Serializer[Any]):
    """What holds starts back: everything, a connection or a trigger; who paused it, when and why."""

    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in (EVERYTHING, CONNECTION, TRIGGER)])
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class OverloadSerializer(serializers.Serializer[Any]):
    """Where DCT stands on the overload ladder, from 0 (calm) to 4 (the door is closed), since when and why, and what is
    held back. It goes a rung down when all of ``goes_down_when`` has held for ``calm_for_s``.
    """

    rung = serializers.IntegerField(min_value=0, max_value=4)
    name = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()
    holds_back = serializers.ListField(child=serializers.CharField())
    goes_down_when = serializers.ListField(child=serializers.CharField())
    goes_down_at = serializers.DateTimeField(allow_null=True, help_text="If it stays as it is; null: not yet.")
    calm_for_s = serializers.IntegerField()


class StatusSerializer(serializers.Serializer[Any]):
    """The status. ``queue`` and ``listeners`` hold what the caller may see; ``backlog`` is null in quiet times."""

    health = HealthSerializer()
    overload = OverloadSerializer()
    is_paused = serializers.BooleanField()
    pauses = PauseSerializer(many=True)
    slots = SlotsSerializer(many=True)
    queue = WaitingSerializer(many=True)
    backlog = BacklogSerializer(allow_null=True)
    undecided = serializers.IntegerField(help_text="Deliveries that were accepted and have no answer yet.")
    listeners = serializers.DictField(child=serializers.IntegerField(), help_text="How many stand how.")
    rates = RatesSerializer()


class StatusViewSet(OperationViewSet):
    """How DCT stands."""

    queryset = ContextListener.objects.all()
    serializer_class = StatusSerializer
    operations: ClassVar = {"retrieve": Operation.VIEW, "utilisation": Operation.VIEW}

    @extend_schema(responses=StatusSerializer)
    def retrieve(self, request: Request) -> Response:  # noqa: ARG002
        """Health, slots, queue, listeners, rates."""
        found = health(now=self.now).as_json()
        limits = Limits.objects.get(pk=1)
        return Response(
            {
                "health": found if self.may(Operation.TRIAGE) else {**found, "reasons": None},
                "overload": OverloadSerializer(overload_of(limits, self.now)).data,
                "is_paused": limits.is_paused,
                "pauses": PauseSerializer(pauses(user=self.user), many=True).data,
                "slots": SlotsSerializer(slots(), many=True).data,
                "queue": self._queue(),
                "backlog": self._backlog(),
                "undecided": PendingDelivery.objects.count(),
                "listeners": self._listeners(),
                "rates": rates.last_hour(user=self.user, now=self.now),
            }
        )

    @extend_schema(responses=UtilisationSerializer)
    def utilisation(self, request: Request) -> Response:  # noqa: ARG002
        """How the agents' slots were used over the last six hours."""
        return Response(UtilisationSerializer(utilisation(now=self.now)).data)

    def _queue(self) -> list[dict[str, Any]]:
        waiting = queue(now=self.now, limit=SHOWN)
        ids = {one.start.refs.get("execution") for one in waiting} - {None}
        seen = set(executions_visible_to(user=self.user).filter(pk__in=ids).order_by().values_list("pk", flat=True))
        mine = [one for one in waiting if one.start.refs.get("execution") in seen]
        return [
            {
                "execution": one.start.refs.get("execution"),
                "agent": one.start.refs.get("agent"),
                "priority": one.start.priority,
                "position": one.position,
                "reason": one.reason,
                "queued_at": one.start.queued_at,
                "expires_at": one.start.expires_at,
            }
            for one in mine
        ]

    def _backlog(self) -> dict[str, Any] | None:
        found = backlog(now=self.now)
        if found is None:
            return None
        return {**BacklogSerializer(found).data, "oldest_at": oldest_at(found, user=self.user)}

    def _listeners(self) -> dict[str, int]:
        rows = visible(ContextListener.objects.order_by(), user=self.user)
        counted = dict(rows.values_list("status").annotate(count=Count("pk", distinct=True)))
        return {status: counted.get(status, 0) for status in ListenerStatus.values}
