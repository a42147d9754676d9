"""The fields of a workspace template."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.forms import formset_factory
from django.urls import reverse_lazy

from accounts.models import User
from workspaces.enums import ContextKind, ContextRefreshMode
from workspaces.models import ContextItem, TemplateContext
from workspaces.selectors.library import items_visible_to
from workspaces.services.templates import ContextWish

ITEMS_OFFERED = 100
KINDS = (ContextKind.TEXT, ContextKind.ITEM, ContextKind.HISTORY)
PLACEHOLDERS = "Words and {item.title}, {item.key}, {event.type}, {event.data…}, {trigger.name}, {date}."


class NewTemplateForm(forms.Form):
    """What a template begins with."""

    name = forms.CharField(max_length=200)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))


class TemplateForm(NewTemplateForm):
    """Everything of a template but its context rows and files."""

    title_pattern = forms.CharField(
        label="Title of each clone",
        max_length=500,
        help_text=PLACEHOLDERS,
        widget=forms.TextInput(
            attrs={
                "hx-post": reverse_lazy("template-preview"),
                "hx-trigger": "input changed delay:200ms, load",
                "hx-target": "#title-preview",
                "hx-swap": "innerHTML",
                "hx-params": "title_pattern",
            }
        ),
    )
    context_refresh_mode = forms.ChoiceField(label="Written into context/", choices=ContextRefreshMode.choices)
    version = forms.IntegerField(widget=forms.HiddenInput)


class ContextRow(forms.Form):
    """One file that is written into ``context/`` of every clone."""

    path = forms.CharField(max_length=200, help_text="Below context/, such as notes.md.")
    kind = forms.ChoiceField(
        label="Holds", choices=[(kind.value, kind.label) for kind in KINDS], initial=KINDS[0].value
    )
    item = forms.ChoiceField(required=False, help_text="For a state or a history.")
    text = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="For fixed text."
    )


ContextSet: Any = formset_factory(ContextRow, extra=0, can_delete=True, max_num=100, validate_max=True)
PREFIX = "context"


def context_formset(data: Any, *, rows: Sequence[TemplateContext], user: User) -> Any:
    """The rows as forms; items are those on cards and those that the rows name already."""
    initial = [{"path": row.path, "kind": row.kind, "item": str(row.item_id or ""), "text": row.text} for row in rows]
    formset = ContextSet(data, prefix=PREFIX, initial=initial)
    seen = items_visible_to(user=user)
    found = {item.pk: item for item in seen.filter(is_watched=True).order_by("-changed_at", "-id")[:ITEMS_OFFERED]}
    found |= {item.pk: item for item in seen.filter(pk__in=[row.item_id for row in rows if row.item_id])}
    choices = [("", "No item"), *((str(pk), str(item)) for pk, item in found.items())]
    kept = {str(row.item_id) for row in rows if row.item_id} - {value for value, _ in choices}
    choices += [(value, "One that you may not see") for value in sorted(kept)]
    for form in (*formset.forms, formset.empty_form):
        form.fields["item"].choices = choices
    return formset


def wishes(formset: Any) -> list[ContextWish]:
    """What a valid formset asks for, without the rows that were taken out."""
    # A row that was added and left empty has no values at all.
    rows = [row for row in (form.cleaned_data for form in formset.forms) if row.get("path") and not row.get("DELETE")]
    # The choices were those that the person may see, or that stood there already.
    found = ContextItem.objects.in_bulk({int(row["item"]) for row in rows if row["item"]})
    items = {str(pk): item for pk, item in found.items()}
    return [
        ContextWish(path=row["path"], kind=ContextKind(row["kind"]), item=items.get(row["item"]), text=row["text"])
        for row in rows
    ]
