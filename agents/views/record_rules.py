"""The pages that say and change how long replaced agents are kept: everywhere, for a template, for a workspace."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done
from accounts.views.forms import FormPage
from agents.models import RecordRule
from agents.selectors.record_rules import Scope, days_of, holding_of, rule_of
from agents.services.record_rules import BOUNDS, change_rule, preview
from workspaces.models import Workspace, WorkspaceTemplate

SHOWN = 100
LABELS = {
    "max_days": ("For how many days", "Left empty: as long as what is wider says, {days} now."),
    "max_count": ("How many at most", "The newest stay. Left empty: any number."),
    "max_bytes": ("How many bytes at most, together", "As they are stored, compressed. Left empty: any size."),
}


class RuleForm(forms.Form):
    """A field for each bound."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args: Any, wider_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, help_text) in LABELS.items():
            low, high = BOUNDS[name]
            self.fields[name] = forms.IntegerField(
                label=label,
                required=False,
                min_value=low,
                max_value=high,
                help_text=help_text.format(days=wider_days),
            )


class RulePage(FormPage):
    """What holds everywhere, and which rules differ; for Developers."""

    operation = Operation.SET_LIMITS
    page = "status"
    template_name = "agents/record_rules.html"

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save, or show what would go if this were saved."""
        form = self.form(request.POST, **kwargs)
        if "preview" not in request.POST or not form.is_valid():
            return super().post(request, **kwargs)
        found = preview(scope=self.scope(**kwargs), now=self.now, **_values(form))
        shown = {**self.context(**kwargs), "form": form, "holding": asdict(found), "is_preview": True}
        return self.draw(shown)

    def scope(self, **kwargs: Any) -> Scope:
        """What the rule covers."""
        return None

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rule = rule_of(self.scope(**kwargs))
        return {
            "title": self._title(**kwargs),
            "back_url": reverse("retention") if rule.is_default else reverse("record-rules"),
            "back": "Retention",
            "holding": asdict(holding_of(rule, now=self.now)),
            **(self._others() if rule.is_default else {}),
            **super().context(**kwargs),
        }

    def form(self, data: Any, **kwargs: Any) -> RuleForm:
        rule = rule_of(self.scope(**kwargs))
        initial = {name: getattr(rule, name) for name in (*LABELS, "version")}
        rule.max_days = None  # what holds where nothing is said here
        return RuleForm(data, initial=initial, wider_days=days_of(rule))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        version = form.cleaned_data["version"]
        change_rule(scope=self.scope(**kwargs), by=self.actor, now=self.now, version=version, **_values(form))
        return done(self.request, "This holds from now on.", goto=reverse("record-rules"))

    def _title(self, **kwargs: Any) -> str:
        scope = self.scope(**kwargs)
        return (
            f"How long replaced agents of {scope} are kept"
            if scope is not None
            else "How long replaced agents are kept"
        )

    def _others(self) -> dict[str, Any]:
        rows = RecordRule.objects.filter(is_default=False).select_related("workspace__template", "template")
        templates = visible(WorkspaceTemplate.objects.filter(is_archived=False, record_rule=None), user=self.user)
        return {
            "rules": [self._shown(row) for row in visible(rows, user=self.user).order_by("id")[:SHOWN]],
            "choices": [
                {"url": reverse("template-record-rule", args=[one.pk]), "name": one.name} for one in templates[:SHOWN]
            ],
        }

    def _shown(self, row: RecordRule) -> dict[str, Any]:
        kind = "workspace" if row.workspace_id is not None else "template"
        return {
            "url": reverse(f"{kind}-record-rule", args=[row.workspace_id or row.template_id]),
            "name": str(row.workspace or row.template),
            "kind": kind,
            "days": days_of(row),
            "max_count": row.max_count,
            "max_bytes": row.max_bytes,
            "holding": asdict(holding_of(row, now=self.now)),
        }


class TemplateRulePage(RulePage):
    """The same for what is cloned from one template."""

    def scope(self, **kwargs: Any) -> Scope:
        return self.find(visible(WorkspaceTemplate.objects.all(), user=self.user), pk=kwargs["pk"])


class WorkspaceRulePage(RulePage):
    """The same for one workspace."""

    def scope(self, **kwargs: Any) -> Scope:
        return self.find(visible(Workspace.objects.select_related("template"), user=self.user), pk=kwargs["pk"])


def _values(form: RuleForm) -> dict[str, int | None]:
    return {name: form.cleaned_data[name] for name in LABELS}
