"""The fields of an agent profile."""

from collections.abc import Sequence
from typing import Any

from django import forms

from agents.enums import RuntimeKind
from agents.models import RuntimeCommand
from agents.runtimes import runtimes
from dct_site.kernel.json_field import JsonField

LABELS = dict(RuntimeKind.choices)


class ProfileForm(forms.Form):
    """Model, instructions, permissions and comment (the four criteria of matching), and how it is run."""

    name = forms.CharField(max_length=200)
    runtime = forms.ChoiceField(help_text="What runs it.")
    command = forms.ModelChoiceField(
        queryset=RuntimeCommand.objects.none(),
        required=False,
        empty_label="No program",
        help_text="For the command runtime: a program that a Developer registered.",
    )
    model = forms.CharField(
        max_length=200, required=False, help_text="For the model runtime: provider:model. A program may read it too."
    )
    instructions = forms.CharField(required=False, max_length=20_000, widget=forms.Textarea(attrs={"rows": 6}))
    user_comment = forms.CharField(
        label="Comment",
        required=False,
        max_length=5_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For people.",
    )
    permissions = JsonField(
        required=False,
        help_text='What it may do, as an object. For the model runtime: {"tools": ["read_file"], "max_requests": 9}.',
    )
    time_limit_s = forms.IntegerField(label="A run may take", help_text="Seconds.")
    output_limit_bytes = forms.IntegerField(label="It may write", help_text="Bytes of output.")
    max_attempts = forms.IntegerField(label="Attempts", help_text="How often a run that fails is tried.")
    max_rounds = forms.IntegerField(label="Rounds", help_text="How often a failing gate sends it back.")
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, providers: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = ", ".join(providers) or "none yet: a Developer registers them in the admin, under Model providers"
        self.fields["model"].help_text += f" Providers: {known}."
        self.fields["runtime"].choices = [(kind, LABELS.get(kind, kind)) for kind in runtimes]  # type: ignore[attr-defined]
        programs = RuntimeCommand.objects.filter(is_enabled=True).order_by("name")
        self.fields["command"].queryset = programs  # type: ignore[attr-defined]

    def clean_permissions(self) -> Any:
        """Nothing written is nothing allowed."""
        return self.cleaned_data["permissions"] or {}
