"""What a person does to an execution: cancel, ask again, give it more time, approve or reject its draft."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import SignedInView
from triggers.models import Execution
from triggers.selectors.executions import executions_visible_to
from triggers.services import attention, executions
from triggers.views.links import delivery_number, execution_number

ONE_MORE = timedelta(hours=1)
LONGEST_REASON = 1000


class ExecutionAct(SignedInView):
    """Something done to one execution that the person may see and may do this to."""

    def wanted(self, pk: int, operation: Operation) -> Execution:
        execution = self.find(executions_visible_to(user=self.user), pk=pk)
        self.require(operation, execution)
        return execution

    def said(self, name: str) -> str:
        """A line that came with the request, bounded."""
        return self.request.POST.get(name, "").replace("\0", "").strip()[:LONGEST_REASON]


class Cancel(ExecutionAct):
    """End it wherever it is."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.FIRE)
        executions.cancel(execution=execution, by=self.actor, now=self.now, reason=self.said("reason"))
        return done(request, f"{execution_number(pk)} is cancelled.", tone="off")


class Retry(ExecutionAct):
    """Ask its trigger again about its event."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.FIRE)
        receipt = executions.retry(execution=execution, by=self.actor, now=self.now)
        return done(request, f"{execution.trigger.name} is asked again, as {delivery_number(receipt.delivery_id)}.")


class Extend(ExecutionAct):
    """Give it one more hour, from its deadline or from now, whichever is later."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.FIRE)
        until = max(execution.deadline_at or self.now, self.now) + ONE_MORE
        executions.extend_deadline(execution=execution, until=until, by=self.actor, now=self.now)
        return done(request, f"{execution_number(pk)} has one hour more.")


class Answer(ExecutionAct):
    """Tell the agent that waits what it needs to know."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.WAIVE)
        text = request.POST.get("text", "")
        attention.answer(execution=execution, text=text, by=self.actor, now=self.now)
        return done(request, "Sent. The agent goes on when a slot is free.", reload=True)


class Approve(ExecutionAct):
    """Let a reviewed draft be worked on."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.ACTIVATE_WORKSPACES)
        attention.approve(execution=execution, by=self.actor, now=self.now)
        text = f"{execution_number(pk)} is approved; its agent starts when a slot is free."
        return done(request, text, goto=reverse("execution", args=[pk]))


class Reject(ExecutionAct):
    """End a draft that nobody wants."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        execution = self.wanted(pk, Operation.ACTIVATE_WORKSPACES)
        attention.reject(execution=execution, by=self.actor, now=self.now, reason=self.said("note"))
        return done(request, f"{execution_number(pk)} is rejected.", tone="off", goto=reverse("execution", args=[pk]))
