"""The global limits: how much may run at once, how much is kept for high priority, and the switch that pauses all."""

from typing import Any, ClassVar

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from agents.models import Limits
from agents.services.admission import pause_all, resume_all, update_limits
from agents.services.admission.limits import BOUNDS
from agents.services.values import InvalidValue
from dct_site.kernel.edits import EditConflict


def _whole(name: str, label: str, help_text: str = "") -> forms.IntegerField:
    """A field for one limit, with the bounds that the service keeps."""
    low, high, _ = BOUNDS[name]
    return forms.IntegerField(label=label, help_text=help_text, min_value=low, max_value=high)


class LimitsForm(forms.Form):
    """The row of limits, as it is edited; ``version`` tells whether somebody else changed it meanwhile."""

    max_agents = _whole("max_agents", "Agents at once", "0 starts no agent.")
    max_workspaces = _whole("max_workspaces", "Workspaces at once", "Those that are built or worked in.")
    reserved_percent = _whole("reserved_percent", "Kept for high priority, in percent")
    reserved_from_priority = _whole("reserved_from_priority", "High priority begins at")
    backlog_after_s = _whole(
        "backlog_after_s", "A backlog begins at, in seconds", "What comes of events that had to wait longer."
    )
    backlog_percent = _whole("backlog_percent", "Held by a backlog at most, in percent", "The rest is for fresh work.")
    is_paused = forms.BooleanField(
        label="Pause everything: nothing new starts", required=False, help_text="What runs goes on."
    )
    pause_reason = forms.CharField(
        label="Why", required=False, max_length=300, help_text="Shown under Status beside who paused it and when."
    )
    ageing_s = _whole("ageing_s", "Waiting that raises a priority, in seconds", "By one, twice at most; 0: never.")
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)


class ResumeAll(SignedInView):
    """Ends the pause of everything, by one click."""

    def post(self, request: HttpRequest) -> HttpResponse:
        self.require(Operation.SET_LIMITS)
        resume_all(by=self.actor, now=self.now)
        return done(request, "Starts go on.", reload=True)


class LimitsPage(PageView):
    """Shown and changed by Developers."""

    operation = Operation.SET_LIMITS
    page = "status"
    template_name = "agents/limits.html"
    names: ClassVar = (*BOUNDS, "is_paused", "pause_reason", "version")

    def context(self, **kwargs: Any) -> dict[str, Any]:
        limits = Limits.objects.get(pk=1)
        return self._shown(LimitsForm(initial={name: getattr(limits, name) for name in self.names}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LimitsForm(request.POST)
        if not form.is_valid():
            return self.draw(self._shown(form), status=422)
        wanted = dict(form.cleaned_data)
        is_paused, reason, version = (wanted.pop(name) for name in ("is_paused", "pause_reason", "version"))
        try:
            with transaction.atomic():
                update_limits(by=self.actor, now=self.now, version=version, **wanted)
                if is_paused:
                    pause_all(by=self.actor, now=self.now, reason=reason)
                else:
                    resume_all(by=self.actor, now=self.now)
        except EditConflict as conflict:
            form.add_error(None, str(conflict))
            return self.draw(self._shown(form), status=422)
        except InvalidValue as wrong:
            form.add_error(wrong.field, str(wrong))
            return self.draw(self._shown(form), status=422)
        return done(request, "The limits are changed.", goto=reverse("status"))

    def _shown(self, form: LimitsForm) -> dict[str, Any]:
        return {"form": form, "status_url": reverse("status"), "retention_url": reverse("retention")}
