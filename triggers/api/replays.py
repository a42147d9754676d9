"""Asking again about one event or one refused delivery, and what of that is shown."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import ReadingViewSet
from accounts.operations import Operation
from dct_site.kernel.rest.inputs import IdField, Input, ObjectField, WholeField
from triggers.enums import RevisionChoice
from triggers.models import Event, Replay
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.replays.delivery import replay_delivery
from triggers.services.replays.event import Manner, replay


class Accepted(serializers.Serializer[Any]):
    """It was taken; its event appears under ``deliveries/{id}/`` once decided."""

    delivery = serializers.IntegerField()


class MannerInput(Input):
    """How to repeat it: into a ``draft`` that a person reviews first, at a ``priority`` (null: its trigger's)."""

    draft = serializers.BooleanField(default=False)
    priority = WholeField(min_value=1, max_value=10, required=False, allow_null=True, default=None)


class ReplayInput(MannerInput):
    """Whom to ask again: one trigger, or everybody who listens, by the ``revision`` of now or of then.

    ``edit`` holds the parts of the event that shall say something else: ``subject``, ``facts``, ``data``, ``changes``.
    """

    trigger = IdField(required=False, allow_null=True, default=None)
    revision = serializers.ChoiceField(choices=RevisionChoice.choices, default=RevisionChoice.NOW.value)
    bypass_cooldown = serializers.BooleanField(default=False)
    edit = ObjectField(required=False, allow_null=True, default=None)


class ReplayedSerializer(serializers.ModelSerializer[Replay]):
    """What a delivery repeats: an ``event`` or a refused ``delivery``, in which manner. ``edited`` names the paths that
    somebody changed; what they held stands in the event that is repeated.
    """

    event = serializers.IntegerField(source="event_id", allow_null=True)
    delivery = serializers.IntegerField(source="of_delivery_id", allow_null=True)
    revision = serializers.SerializerMethodField()
    draft = serializers.BooleanField(source="is_draft")
    bulk = serializers.IntegerField(source="bulk_id", allow_null=True)

    class Meta:
        model = Replay
        fields = ("event", "delivery", "revision", "draft", "priority", "edited", "bulk")
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=RevisionChoice.choices))
    def get_revision(self, row: Replay) -> str:
        return (RevisionChoice.NOW if row.as_of is None else RevisionChoice.THEN).value


def replayed(delivery_id: int | None) -> dict[str, Any] | None:
    """What a delivery, or an event of it, repeats; None where it is no replay."""
    row = Replay.objects.filter(pk=delivery_id or 0).first()
    return dict(ReplayedSerializer(row).data) if row is not None else None


def manner_of(wanted: dict[str, Any]) -> Manner:
    """The manner that a body asks for."""
    return Manner(
        revision=RevisionChoice(wanted.get("revision", RevisionChoice.NOW)),
        is_draft=wanted["draft"],
        priority=wanted["priority"],
        is_cooldown_bypassed=wanted.get("bypass_cooldown", False),
    )


class EventReplayActions(ReadingViewSet):
    """The part of an event's address that asks again."""

    @extend_schema(request=ReplayInput, responses={202: Accepted})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Ask again about this change, judged against the item as it was before it."""
        event: Event = self.get_object()
        wanted = self.body(ReplayInput)
        trigger = self.seen(triggers_visible_to(user=self.user), wanted["trigger"], "trigger")
        if trigger is not None:
            self.require(Operation.FIRE, trigger)
        if wanted["edit"] is not None:
            # What may not be looked at is not rewritten either.
            self.require(Operation.VIEW_RAW, event)
        receipt = replay(
            event=event,
            trigger=trigger,
            by=self.actor,
            now=self.now,
            manner=manner_of(wanted),
            edit=wanted["edit"],
        )
        return Response({"delivery": receipt.delivery_id}, status=202)


class DeliveryReplayActions(ReadingViewSet):
    """The part of a delivery's address that takes it in again."""

    @extend_schema(request=MannerInput, responses={202: Accepted})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Take a refused delivery in again: its raw bytes are verified by the secrets of now; a signature that did not
        hold is never replayed.
        """
        row = self.get_object()
        wanted = self.body(MannerInput)
        receipt = replay_delivery(delivery=row, by=self.actor, now=self.now, manner=manner_of(wanted))
        return Response({"delivery": receipt.delivery_id}, status=202)
