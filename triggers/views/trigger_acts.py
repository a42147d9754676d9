"""What one does to a trigger at the press of a button: fire, pause, resume, shadow, disable, delete."""

from abc import ABC, abstractmethod

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done, refused
from accounts.views.base import SignedInView
from accounts.views.filtering import wanted_id
from dct_site.kernel.rest.problems import Problem
from triggers.enums import TriggerStatus
from triggers.models import Trigger
from triggers.selectors.triggers import triggers_visible_to
from triggers.services import standing
from triggers.services.fire import CannotFire, fire
from workspaces.selectors.library import items_visible_to

CONFLICT = 409


class TriggerAct(SignedInView, ABC):
    """Finds the trigger and asks for the right to do this to it."""

    needed: Operation = Operation.MANAGE_TRIGGERS

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        trigger = self.find(triggers_visible_to(user=self.user), pk=pk)
        self.require(self.needed, trigger)
        try:
            return self.act(request, trigger)
        except (standing.NotPublished, CannotFire) as wrong:
            return refused(request, Problem(CONFLICT, "not_now", str(wrong)))

    @abstractmethod
    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        """Do it and say so."""


class Fire(TriggerAct):
    """One run by hand, about the item that the address names (or about nothing in particular)."""

    needed = Operation.FIRE

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        item_id = wanted_id(request, "item")
        item = self.find(items_visible_to(user=self.user), pk=item_id) if item_id is not None else None
        fire(trigger=trigger, item=item, by=self.actor, now=self.now)
        about = f" for {item}" if item is not None else ""
        return done(request, f"{trigger.name} was asked to run{about}.", tone="live")


class Pause(TriggerAct):
    """It goes on deciding, but nothing of it starts."""

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        standing.pause(trigger=trigger, by=self.actor, now=self.now)
        text = f"{trigger.name} is paused. It goes on deciding, and nothing of it starts."
        return _stands(request, trigger, text, "off")


class Resume(TriggerAct):
    """As it stood before the pause."""

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        standing.resume(trigger=trigger, by=self.actor, now=self.now)
        return _stands(request, trigger, f"{trigger.name} goes on. What it missed fires only by replay.", "good")


class Activate(TriggerAct):
    """It decides and acts."""

    needed = Operation.PUBLISH_TRIGGERS

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        standing.activate(trigger=trigger, by=self.actor, now=self.now)
        return _stands(request, trigger, f"{trigger.name} is active.", "good")


class Disable(TriggerAct):
    """It is no longer asked."""

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        standing.disable(trigger=trigger, by=self.actor, now=self.now)
        return _stands(request, trigger, f"{trigger.name} is disabled: no event asks it any more.", "off")


class Delete(TriggerAct):
    """Hide it for good; what it did stays."""

    def act(self, request: HttpRequest, trigger: Trigger) -> HttpResponse:
        standing.delete_trigger(trigger=trigger, by=self.actor, now=self.now)
        return done(request, f"{trigger.name} is deleted. What it did stays.", goto=reverse("triggers"))


def _stands(request: HttpRequest, trigger: Trigger, text: str, tone: str) -> HttpResponse:
    """A toast, with the way back; the page of the trigger itself, which is no live fragment, is drawn again."""
    undo = {
        TriggerStatus.PAUSED: reverse("trigger-resume", args=[trigger.pk]),
        TriggerStatus.ACTIVE: reverse("trigger-pause", args=[trigger.pk]),
    }.get(TriggerStatus(trigger.status), "")
    if request.GET.get("from") == "editor":
        return done(request, text, tone=tone, reload=True)
    return done(request, text, tone=tone, undo=undo)
