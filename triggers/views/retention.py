"""The pages that say and change how long things are kept: everywhere, and for one connection."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse

from accounts.models import Connection
from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.forms import FormPage
from triggers.models import Retention
from triggers.models.retention import DEFAULT_DAYS, LONGEST, SHORTEST
from triggers.services.keeping.retention import change_retention, days_of, default_retention, retention_of
from triggers.views.connections import connections_visible_to

LABELS = {
    "deliveries_days": "Raw deliveries, in days",
    "events_days": "What events say, in days",
    "decisions_days": "Reasons of decisions, in days",
    "tombstones_days": "What is left of them (ids, keys that tell repeats, outcomes), in days",
}

ALSO = {"tombstones_days": ", or as long as the longest of the others"}


class RetentionForm(forms.Form):
    """A field for each kind; an empty one follows what ``holds`` says."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def __init__(self, *args: Any, holds: Mapping[str, int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in LABELS.items():
            self.fields[name] = forms.IntegerField(
                label=label,
                required=False,
                min_value=SHORTEST[name],
                max_value=LONGEST,
                help_text=f"Left empty: {holds[name]}{ALSO.get(name, '')}.",
            )


class RetentionPage(FormPage):
    """What holds everywhere, and which connections differ; for Developers."""

    operation = Operation.SET_LIMITS
    page = "status"
    template_name = "triggers/retention.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        own = Retention.objects.filter(connection__in=connections_visible_to(self.user).order_by().values("pk"))
        rows = [
            {"name": row.connection, "url": reverse("connection-retention", args=[row.connection_id]), **days_of(row)}
            for row in own.select_related("connection").order_by("connection__name", "pk")
        ]
        words = {"title": "How long things are kept", "back_url": reverse("limits"), "back": "Limits"}
        words["records_url"] = reverse("record-rules")
        more = {"erasures_url": reverse("erasures")} if self.may(Operation.ERASE) else {}
        return {**words, **more, "others": rows, **super().context(**kwargs)}

    def form(self, data: Any, **kwargs: Any) -> RetentionForm:
        return _form(data, default_retention(), holds=DEFAULT_DAYS)

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        change_retention(connection=None, by=self.actor, now=self.now, **form.cleaned_data)
        return done(self.request, "This holds from now on.", goto=reverse("retention"))


class ConnectionRetentionPage(FormPage):
    """The same for what comes by one connection."""

    operation = Operation.SET_LIMITS
    page = "connections"
    template_name = "triggers/retention.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        title = f"How long things of {self._row(kwargs['pk']).name} are kept"
        words = {"title": title, "back_url": reverse("connections"), "back": "Connections"}
        return {**words, "others": [], **super().context(**kwargs)}

    def form(self, data: Any, **kwargs: Any) -> RetentionForm:
        return _form(data, retention_of(self._row(kwargs["pk"])), holds=days_of(default_retention()))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        row = self._row(kwargs["pk"])
        change_retention(connection=row, by=self.actor, now=self.now, **form.cleaned_data)
        return done(self.request, f"This holds for {row.name} from now on.", goto=reverse("retention"))

    def _row(self, pk: int) -> Connection:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.SET_LIMITS, row)
        return row


def _form(data: Any, row: Retention, *, holds: Mapping[str, int]) -> RetentionForm:
    return RetentionForm(data, holds=holds, initial={name: getattr(row, name) for name in (*LABELS, "version")})
