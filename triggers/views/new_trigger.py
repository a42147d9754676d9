"""A new trigger: its name and what it listens to; everything else is the editor's."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done
from accounts.views.filtering import wanted_id
from accounts.views.forms import FormDialog, Refused
from triggers.documents.shape import empty_document
from triggers.services.drafts import create_trigger
from triggers.services.validation import InvalidDocument
from triggers.views.editor_forms import CARDS_OFFERED
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to


class NewTriggerForm(forms.Form):
    """``on`` is "item:3" or "connection:4", or "" for later."""

    name = forms.CharField(max_length=200, help_text="What it does, in a few words.")
    on = forms.ChoiceField(label="Listens to", required=False)


class NewTrigger(FormDialog):
    """Makes a draft; ``?item=`` chooses the card."""

    operation = Operation.MANAGE_TRIGGERS
    page = "triggers"
    title = "New trigger"
    text = "It begins as a draft. Nothing happens until it is published."
    submit = "Go on"
    dialog_template = "triggers/watch_dialog.html"
    template_name = "triggers/watch_page.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        clock = {"source": Source.SCHEDULE.value, "label": "New schedule", "url": reverse("schedule-new")}
        may_listen = self.may(Operation.PUBLISH_TRIGGERS)
        return {
            **super().context(**kwargs),
            "new_urls": [clock] if may_listen else [],
            "new_words": "To run at certain times, begin with",
        }

    def form(self, data: Any, **kwargs: Any) -> NewTriggerForm:
        item_id = wanted_id(self.request, "item")
        chosen = self.find(items_visible_to(user=self.user), pk=item_id) if item_id is not None else None
        form = NewTriggerForm(data, initial={"on": f"item:{chosen.pk}" if chosen is not None else ""})
        form.fields["on"].choices = self._choices(chosen)  # type: ignore[attr-defined]
        return form

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        kind, _, number = form.cleaned_data["on"].partition(":")
        listeners = {"item": "context_item_id", "connection": "connection_id"}
        document = empty_document(form.cleaned_data["name"])
        if number:
            document["listeners"] = [{listeners[kind]: int(number)}]
        try:
            trigger = create_trigger(owner=self.user, document=document, by=self.actor, now=self.now)
        except InvalidDocument as invalid:
            raise Refused([("name", str(invalid))]) from invalid
        return done(self.request, "The draft is there.", goto=reverse("trigger", args=[trigger.pk]))

    def _choices(self, chosen: ContextItem | None) -> list[tuple[str, str]]:
        cards = items_visible_to(user=self.user).filter(is_watched=True).order_by("-changed_at", "-id")[:CARDS_OFFERED]
        items = {item.pk: item for item in ([chosen] if chosen is not None else [])} | {item.pk: item for item in cards}
        connections = visible(Connection.objects.filter(is_enabled=True), user=self.user).order_by("name", "id")
        return [
            ("", "Decide later"),
            *((f"item:{pk}", f"{item} ({ItemKind(item.kind).label})") for pk, item in items.items()),
            *((f"connection:{row.pk}", f"Everything of {row.name}") for row in connections),
        ]
