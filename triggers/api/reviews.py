"""What of workspaces and deliverables concerns the execution behind them: drafts reviewed, deliverables waived."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.operations import Operation
from deliverables.api.deliverables import DeliverableSerializer, DeliverableViewSet, WaiverReason
from triggers.models import Execution
from triggers.services import attention
from triggers.services.attention import NotWaiting
from workspaces.api.workspaces import Reason, WorkspaceSerializer, WorkspaceViewSet
from workspaces.models import Workspace


class ReviewedWorkspaceViewSet(WorkspaceViewSet):
    """Workspaces, with the review of those that were prepared as drafts."""

    operations: ClassVar = {
        **WorkspaceViewSet.operations,
        "activate": Operation.ACTIVATE_WORKSPACES,
        "reject": Operation.ACTIVATE_WORKSPACES,
    }

    @extend_schema(request=None, responses=WorkspaceSerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Let a reviewed draft be worked on: its agent waits for a slot like any other."""
        attention.approve(execution=_execution_of(self.get_object()), by=self.actor, now=self.now)
        return self.respond(self.get_object())

    @extend_schema(request=Reason, responses=WorkspaceSerializer)
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """End a draft that nobody wants; it is put away."""
        row = self.get_object()
        reason = self.body(Reason)["reason"]
        attention.reject(execution=_execution_of(row), by=self.actor, now=self.now, reason=reason)
        return self.respond(self.get_object())


def _execution_of(workspace: Workspace) -> Execution:
    """The execution that made the workspace. Raises NotWaiting where none did."""
    found = Execution.objects.filter(workspace=workspace).order_by("-id").first()
    if found is None:
        raise NotWaiting("No execution made this workspace, so there is nothing to review.")
    return found


class WaivableViewSet(DeliverableViewSet):
    """Deliverables, with the waiver that lets their execution go on."""

    long_actions = frozenset({"waive"})
    operations: ClassVar = {**DeliverableViewSet.operations, "waive": Operation.WAIVE}

    @extend_schema(request=WaiverReason, responses=DeliverableSerializer)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:  # noqa: ARG002
        """Stop asking for it, and say why; where nothing else fails, what waited for it is done."""
        row = self.get_object()
        attention.waive(deliverable=row, reason=self.body(WaiverReason)["reason"], by=self.actor, now=self.now)
        return self.respond(self.get_object())
