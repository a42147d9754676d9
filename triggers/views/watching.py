"""The dialog that puts something on a card."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done
from accounts.views.forms import FormDialog, Refused
from triggers.services.cards import add_card
from triggers.views.connections import NEW
from workspaces.enums import ItemKind
from workspaces.services.items import BadItem

KINDS = (ItemKind.REPOSITORY, ItemKind.PULL_REQUEST, ItemKind.ISSUE, ItemKind.STREAM)
OF_GITHUB = frozenset(KINDS[:3])
GITHUB = "https://github.com/"


class WatchForm(forms.Form):
    """What to watch, by its key outside."""

    connection = forms.ModelChoiceField(queryset=Connection.objects.none(), empty_label=None)
    kind = forms.ChoiceField(choices=[(kind.value, kind.label) for kind in KINDS])
    key = forms.CharField(
        max_length=500,
        help_text="As it is called there: owner/repository, or owner/repository#12 for a pull request.",
    )
    title = forms.CharField(max_length=300, required=False, help_text="How the card is called; empty: by its key.")


class Watch(FormDialog):
    """Put a repository, a pull request, an issue or a webhook's stream on a card."""

    operation = Operation.PUBLISH_TRIGGERS
    page = "library"
    dialog_template = "triggers/watch_dialog.html"
    template_name = "triggers/watch_page.html"
    title = "Watch something"
    text = "A card shows the last known state, and triggers can listen to it. A mailbox gets its own when connected."
    submit = "Watch"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        may_connect = self.may(Operation.MANAGE_CONNECTIONS)
        new = [{**one, "url": reverse("connection-new", args=[one["source"]])} for one in NEW] if may_connect else []
        clock = {"source": Source.SCHEDULE.value, "label": "Schedule", "url": reverse("schedule-new")}
        return {**super().context(**kwargs), "new_urls": [*new, clock]}

    def form(self, data: Any, **kwargs: Any) -> WatchForm:
        form = WatchForm(data)
        rows = Connection.objects.filter(is_enabled=True, source__in=[Source.GITHUB, Source.WEBHOOK])
        seen = visible(rows, user=self.user, operation=Operation.PUBLISH_TRIGGERS).order_by("name", "id")
        form.fields["connection"].queryset = seen  # type: ignore[attr-defined]
        return form

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        wanted = form.cleaned_data
        connection, kind, key = wanted["connection"], ItemKind(wanted["kind"]), wanted["key"]
        is_github = connection.source == Source.GITHUB
        if is_github is not (kind in OF_GITHUB):
            raise Refused([("kind", f"{connection.name} does not tell of this kind. Choose another.")])
        url = f"{GITHUB}{key}" if is_github and kind == ItemKind.REPOSITORY else ""
        try:
            item = add_card(
                connection=connection,
                kind=kind,
                external_key=key,
                title=wanted["title"] or key,
                url=url,
                by=self.actor,
                now=self.now,
            )
        except BadItem as bad:
            raise Refused([("key", str(bad))]) from bad
        return done(self.request, f"{item} is on a card.", goto=reverse("library"))
