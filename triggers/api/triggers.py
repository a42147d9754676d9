"""Triggers: drafted, published, paused, fired by hand, rolled back."""

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.operations import Operation
from accounts.permissions import visible
from dct_site.kernel.rest.filters import IdFilter
from triggers.api.metrics import BudgetSerializer, MetricsSerializer, WindowInput, budget_json
from triggers.api.replays import Accepted
from triggers.api.trigger_fields import (
    DifferencesSerializer,
    FireInput,
    Note,
    PauseReason,
    RevisionSerializer,
    RollbackInput,
    TriggerInput,
    TriggerSerializer,
    changed_draft,
    new_draft,
)
from triggers.api.trying import TryingActions
from triggers.documents.priority import is_raised
from triggers.enums import TriggerStatus, Window
from triggers.models import ContextListener, Trigger, TriggerListener, TriggerRevision
from triggers.selectors.budgets import budget_of
from triggers.selectors.metrics import metrics_of
from triggers.selectors.triggers import revisions_visible_to, triggers_visible_to
from triggers.services import drafts, publishing, standing
from triggers.services.fire import fire
from workspaces.selectors.library import items_visible_to

_MANAGE, _PUBLISH = Operation.MANAGE_TRIGGERS, Operation.PUBLISH_TRIGGERS
_NUMBER = OpenApiParameter("number", int, OpenApiParameter.PATH)


class TriggerFilter(filters.FilterSet):
    """Triggers by status, owner, priority, what they listen to, or a part of their name."""

    status = filters.MultipleChoiceFilter(choices=TriggerStatus.choices)
    owner = IdFilter(field_name="owner_id")
    item = IdFilter(field_name="listening__listener__item_id")
    connection = IdFilter(field_name="listening__listener__connection_id", distinct=True)
    name = filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Trigger
        fields = ()


class _Against(serializers.Serializer[Any]):
    against = serializers.IntegerField(min_value=1, max_value=999_999_999)


class TriggerViewSet(TryingActions):
    """What should happen when something changes."""

    queryset = Trigger.objects.all()
    serializer_class = TriggerSerializer
    filterset_class = TriggerFilter
    operations: ClassVar = {
        "list": Operation.VIEW,
        "retrieve": Operation.VIEW,
        "revisions": Operation.VIEW,
        "revision": Operation.VIEW,
        "diff": Operation.VIEW,
        "metrics": Operation.VIEW,
        "budget": Operation.VIEW,
        **dict.fromkeys(("create", "partial_update", "destroy", "pause", "resume", "disable"), _MANAGE),
        **dict.fromkeys(("publish", "rollback", "shadow", "activate", "test", "backtest"), _PUBLISH),
        "fire": Operation.FIRE,
    }

    def rows(self) -> QuerySet[Trigger]:
        seen = visible(ContextListener.objects.all(), user=self.user).order_by().values("pk")
        listening = TriggerListener.objects.filter(listener__in=seen).select_related("listener__item")
        return triggers_visible_to(user=self.user).prefetch_related(Prefetch("listening", queryset=listening))

    @extend_schema(request=TriggerInput, responses={201: TriggerSerializer})
    def create(self, request: Request) -> Response:  # noqa: ARG002
        """Make a trigger with a draft, perhaps unfinished; nothing decides by it until it is published."""
        draft = new_draft(self.body(TriggerInput))
        self._may_raise(draft.get("priority"), None)
        trigger = drafts.create_trigger(owner=self.user, document=draft, by=self.actor, now=self.now)
        return self.respond(trigger, status=201)

    @extend_schema(request=TriggerInput, responses=TriggerSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Replace parts of the draft; what is published goes on deciding until the draft is published."""
        row = self.object_for_change()
        draft = changed_draft(row.draft, self.body(TriggerInput, partial=True))
        self._may_raise(draft.get("priority"), row.draft.get("priority"))
        drafts.save_draft(trigger=row, document=draft, version=row.version, by=self.actor, now=self.now)
        return self.respond(self.get_object())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Hide and disable it; its history stays."""
        standing.delete_trigger(trigger=self.object_for_change(), by=self.actor, now=self.now)
        return Response(status=204)

    @extend_schema(request=Note, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Let the draft decide from now on. Somebody else's trigger becomes the caller's, for it runs with its owner's
        rights.
        """
        row = self.object_for_change()
        self._may_raise(row.draft.get("priority"), row.priority)
        note = self.body(Note)["note"]
        publishing.publish(trigger=row, by=self.actor, now=self.now, version=row.version, note=note)
        return self.respond(self.get_object())

    @extend_schema(request=RollbackInput, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Publish an earlier revision's content again, as a new revision."""
        row = self.object_for_change()
        revision = self._revision(row, self.body(RollbackInput)["revision"])
        self._may_raise(revision.document.get("priority"), row.priority)
        publishing.rollback(trigger=row, revision=revision, by=self.actor, now=self.now)
        return self.respond(self.get_object())

    @extend_schema(request=PauseReason, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """It goes on deciding, but nothing of it starts after this answer."""
        row, reason = self.object_for_change(), self.body(PauseReason)["reason"]
        standing.pause(trigger=row, by=self.actor, now=self.now, reason=reason)
        return self.respond(self.get_object())

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """As it stood before the pause. What it missed fires only by replay."""
        return self._stand(standing.resume)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """It decides and acts."""
        return self._stand(standing.activate)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def shadow(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """It decides and records, but does not act."""
        return self._stand(standing.shadow)

    @extend_schema(request=None, responses=TriggerSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """It is no longer asked."""
        return self._stand(standing.disable)

    @extend_schema(request=FireInput, responses={202: Accepted})
    @action(detail=True, methods=["post"])
    def fire(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Ask for one run; conditions are not asked, cooldown and limits hold."""
        row = self.get_object()
        wanted = self.body(FireInput)
        item = self.seen(items_visible_to(user=self.user), wanted["context_item_id"], "context_item_id")
        if wanted["bypass_cooldown"]:
            self.require(Operation.SET_HIGH_PRIORITY)
        receipt = fire(
            trigger=row, item=item, by=self.actor, now=self.now, is_cooldown_bypassed=wanted["bypass_cooldown"]
        )
        return Response({"delivery": receipt.delivery_id}, status=202)

    @extend_schema(responses=RevisionSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def revisions(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Everything that was ever published of it, newest first."""
        rows = revisions_visible_to(user=self.user, trigger=self.get_object())
        return self.page_of(rows, RevisionSerializer, keyset="-number")

    @extend_schema(parameters=[_NUMBER], responses=RevisionSerializer, filters=False)
    @action(detail=True, methods=["get"], url_path="revisions/(?P<number>[0-9]{1,9})", pagination_class=None)
    def revision(self, request: Request, pk: str, number: str) -> Response:  # noqa: ARG002
        """One revision."""
        return Response(RevisionSerializer(self._revision(self.get_object(), int(number))).data)

    @extend_schema(
        parameters=[_NUMBER, OpenApiParameter("against", int, description="The older one; else the one before.")],
        responses=DifferencesSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="revisions/(?P<number>[0-9]{1,9})/diff", pagination_class=None)
    def diff(self, request: Request, pk: str, number: str) -> Response:  # noqa: ARG002
        """What a revision changed, against any other."""
        row = self.get_object()
        newer = self._revision(row, int(number))
        if "against" in request.query_params:
            wanted = _Against(data={"against": request.query_params["against"]})
            wanted.is_valid(raise_exception=True)
            older = self._revision(row, wanted.validated_data["against"])
        else:
            older = publishing.revision_before(newer)
        found = {"older": older.number, "newer": newer.number}
        differences = publishing.diff_revisions(older=older, newer=newer)
        return Response(DifferencesSerializer({**found, "differences": differences}).data)

    @extend_schema(
        parameters=[OpenApiParameter("window", str, enum=Window.values, description="How far back; else a day.")],
        responses=MetricsSerializer,
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def metrics(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """How long each leg of its executions takes, how often they succeed, and why it did not fire."""
        row = self.get_object()
        wanted = WindowInput(data={"window": request.query_params.get("window", Window.DAY.value)})
        wanted.is_valid(raise_exception=True)
        found = metrics_of(row, window=Window(wanted.validated_data["window"]), now=self.now)
        return Response(MetricsSerializer(found).data)

    @extend_schema(responses=BudgetSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def budget(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """What it has used of its budget, what runs at work hold of it, and when it begins anew."""
        return Response(BudgetSerializer(budget_json(budget_of(self.get_object(), now=self.now))).data)

    def _revision(self, row: Trigger, number: int) -> TriggerRevision:
        found = revisions_visible_to(user=self.user, trigger=row).filter(number=number).first()
        if found is None:
            raise NotFound(f"This trigger has no revision {number}.")
        return found

    def _stand(self, service: Any) -> Response:
        service(trigger=self.object_for_change(), by=self.actor, now=self.now)
        return self.respond(self.get_object())

    def _may_raise(self, wanted: Any, standing_priority: Any) -> None:
        if is_raised(wanted, standing_priority):
            self.require(Operation.SET_HIGH_PRIORITY)
