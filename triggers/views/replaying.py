"""Asking again: the dialog of an event, and the button of a refused delivery."""

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.permissions import Denied
from accounts.views.answers import done
from accounts.views.base import SignedInView
from accounts.views.filtering import wanted_id
from accounts.views.forms import FormDialog, Refused
from triggers.enums import RevisionChoice
from triggers.models import Event, Replay, Trigger
from triggers.selectors.events import deliveries_visible_to, events_visible_to
from triggers.selectors.triggers import triggers_visible_to
from triggers.services.explain import explain_all
from triggers.services.replays.delivery import replay_delivery
from triggers.services.replays.edit import MAX_BYTES, InvalidEdit, changed_paths, parts_of, read_edit
from triggers.services.replays.event import CannotReplay, Manner, replay
from triggers.views.links import delivery_number, event_number

MOST_OFFERED = 100


class MannerForm(forms.Form):
    """How to ask again."""

    draft = forms.BooleanField(
        label="Into a draft", required=False, help_text="A person reviews the workspace before its agent begins."
    )
    priority = forms.IntegerField(
        required=False, min_value=1, max_value=10, help_text="Left empty: its trigger’s. From 8 on it needs a right."
    )


class ReplayForm(MannerForm):
    """Whom to ask, by which revision, about what."""

    field_order = ("trigger", "revision", "draft", "priority", "edit")
    trigger = forms.TypedChoiceField(label="Ask", required=False, coerce=int, empty_value=None)
    revision = forms.ChoiceField(
        label="By the revision",
        required=False,
        choices=[("now", "of now"), ("then", "of then, when the event was decided")],
    )
    edit = forms.CharField(
        label="What it says",
        required=False,
        strip=False,
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text="Change it to ask about something else. What was changed is named on the new event.",
    )


class ReplayEvent(FormDialog):
    """Ask again about an event, judged against its item as it was before it."""

    page = "events"
    title = "Replay this event"
    text = "It is judged against the item as it was before the event. What ran already stays as it is."
    submit = "Replay"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        self._found(kwargs["pk"])
        return super().context(**kwargs)

    def check(self, **kwargs: Any) -> None:
        self._found(kwargs["pk"])

    def form(self, data: Any, **kwargs: Any) -> ReplayForm:
        event = self._found(kwargs["pk"])
        form = ReplayForm(data, initial={"trigger": wanted_id(self.request, "trigger"), "edit": _written(event)})
        form.fields["trigger"].choices = [("", "Everybody who listens"), *self._offered(event)]  # type: ignore[attr-defined]
        if not self._may_edit(event):
            del form.fields["edit"]
        return form

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        event, said = self._found(kwargs["pk"]), form.cleaned_data
        trigger = self._trigger(said["trigger"])
        manner = Manner(RevisionChoice(said["revision"] or "now"), is_draft=said["draft"], priority=said["priority"])
        try:
            edit = _edit_of(event, said.get("edit", ""))
            receipt = replay(event=event, trigger=trigger, by=self.actor, now=self.now, manner=manner, edit=edit)
        except InvalidEdit as invalid:
            raise Refused([("edit", problem.message) for problem in invalid.problems]) from invalid
        except CannotReplay as wrong:
            raise Refused([("revision", str(wrong))]) from wrong
        except Denied as denied:
            raise Refused([("priority", denied.answer.detail)]) from denied
        text = f"{event_number(event.pk)} is asked again, as {delivery_number(receipt.delivery_id)}."
        return done(self.request, text, see=reverse("delivery", args=[receipt.delivery_id]), close=True)

    def _found(self, pk: int) -> Event:
        event = self.find(events_visible_to(user=self.user), pk=pk)
        self.require(Operation.FIRE, event)
        return event

    def _trigger(self, pk: int | None) -> Trigger | None:
        if pk is None:
            return None
        trigger = self.find(triggers_visible_to(user=self.user), pk=pk)
        self.require(Operation.FIRE, trigger)
        return trigger

    def _offered(self, event: Event) -> list[tuple[int, str]]:
        """Those who were asked about it, as far as the person may fire them."""
        asked = [answer.trigger for answer in explain_all(event=event)[:MOST_OFFERED]]
        return [(trigger.pk, f"Only {trigger.name}") for trigger in asked if self.may(Operation.FIRE, trigger)]

    def _may_edit(self, event: Event) -> bool:
        is_small = len(_written(event)) <= MAX_BYTES
        return event.purged_at is None and is_small and self.may(Operation.VIEW_RAW, event)


class ReplayDelivery(SignedInView):
    """Take a refused delivery in again; it is verified by what holds now."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(deliveries_visible_to(user=self.user), pk=pk)
        self.require(Operation.FIRE, row)
        receipt = replay_delivery(delivery=row, by=self.actor, now=self.now)
        text = f"{delivery_number(pk)} came in again, as {delivery_number(receipt.delivery_id)}."
        return done(request, text, see=reverse("delivery", args=[receipt.delivery_id]))


def facts_of(delivery_id: int | None) -> list[dict[str, Any]]:
    """What a delivery repeats and how, as facts of a page; none for what is no replay."""
    row = Replay.objects.filter(pk=delivery_id or 0).first()
    if row is None:
        return []
    manner = [
        "by the revisions of then" if row.as_of is not None else "by the revisions of now",
        *(["into a draft"] if row.is_draft else []),
        *([f"at priority {row.priority}"] if row.priority is not None else []),
    ]
    facts: list[dict[str, Any]] = [{"name": "Replayed", "words": ", ".join(manner)}]
    if row.edited:
        facts.append({"name": "Edited", "words": ", ".join(row.edited), "mono": True})
    return facts


def _written(event: Event) -> str:
    return json.dumps(parts_of(event), indent=2, ensure_ascii=False)


def _edit_of(event: Event, text: str) -> dict[str, Any] | None:
    """What was changed of it; None where nothing was."""
    if not text.strip():
        return None
    edit = dict(read_edit(text))
    return edit if changed_paths(event, {**parts_of(event), **edit}) else None
