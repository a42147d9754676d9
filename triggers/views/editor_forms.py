"""The fields of the trigger editor: a draft as forms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory

from accounts.models import Connection, User
from accounts.permissions import visible
from agents.enums import BudgetWindow, Criterion, Strategy
from agents.models import AgentProfile
from deliverables.enums import DeliverableKind
from deliverables.rules.formats import KINDS
from triggers.documents.priority import HIGH_FROM
from triggers.documents.reading import DEFAULT_PRIORITY
from triggers.documents.reading import LimitsPart as DocumentLimits
from triggers.enums import BatchBy, CooldownBy, CooldownPolicy, LatePolicy, OverlapPolicy, QueuePolicy
from triggers.views import editor_rules
from workspaces.enums import ContextRefreshMode, DeployMode, ItemKind
from workspaces.selectors.library import items_visible_to
from workspaces.selectors.workspaces import templates_visible_to

CARDS_OFFERED = 60
SECONDS = "Seconds."
Choices = list[tuple[str, str]]


class General(forms.Form):
    """Name, priority, and what it listens to ("item:3", "connection:4")."""

    name = forms.CharField(max_length=200)
    priority = forms.TypedChoiceField(
        coerce=int, help_text="10 goes first. Queued work of a higher one starts earlier."
    )
    listeners = forms.MultipleChoiceField(
        label="Listens to",
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="A card, or all of a connection.",
    )


class WorkspacePart(forms.Form):
    """What is cloned."""

    template_id = forms.ChoiceField(label="Template", required=False)
    title_pattern = forms.CharField(
        label="Title",
        required=False,
        max_length=500,
        help_text="Words and {item.title}, {item.key}, {event.type}, {trigger.name}. Empty: the template's own.",
    )
    context_refresh_mode = forms.ChoiceField(
        label="Written into context/",
        required=False,
        choices=[("", "As the template says"), *ContextRefreshMode.choices],
    )
    deploy = forms.ChoiceField(label="When it is prepared", choices=DeployMode.choices)


class AgentPart(forms.Form):
    """Who works in it."""

    profile_id = forms.ChoiceField(label="Agent profile", required=False)
    strategy = forms.ChoiceField(
        label="Where an agent is at work on the item already",
        choices=Strategy.choices,
        help_text="The newest that equals the one that would begin. A draft for review is always made anew.",
    )
    match_on = forms.MultipleChoiceField(
        label="It must be equal in",
        required=False,
        choices=Criterion.choices,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    instructions = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Beside those of the profile.",
    )


class LimitsPart(forms.Form):
    """How often, how many at once, how long."""

    cooldown_s = forms.IntegerField(
        label="Cooldown", required=False, help_text="Seconds between two firings; 0 is none."
    )
    cooldown_by = forms.ChoiceField(label="The cooldown is", choices=CooldownBy.choices)
    cooldown_policy = forms.ChoiceField(label="An event within the cooldown", choices=CooldownPolicy.choices)
    debounce_s = forms.IntegerField(
        label="Wait for quiet",
        required=False,
        help_text="Seconds without another event of the item; what comes meanwhile joins. Empty: begin at once.",
    )
    debounce_max_s = forms.IntegerField(
        label="Wait for quiet at most", required=False, help_text="Seconds after the first; empty: ten times the quiet."
    )
    batch_s = forms.IntegerField(
        label="Gather a batch for",
        required=False,
        help_text="Seconds after its first event; it begins sooner when it is full. Empty: no batches.",
    )
    batch_size = forms.IntegerField(label="Events in a batch", required=False, help_text="Empty: up to 1,000.")
    batch_by = forms.ChoiceField(label="A batch is", choices=BatchBy.choices)
    rate_limit = forms.IntegerField(
        label="At most", required=False, help_text="Firings in the window; empty: no limit."
    )
    rate_window_s = forms.IntegerField(label="Window", required=False, help_text="Seconds; empty: an hour.")
    storm_limit = forms.IntegerField(
        label="Storm brake", required=False, help_text="Firings in a minute; one more pauses the trigger. Empty: never."
    )
    overlap = forms.ChoiceField(label="While a run for the same item waits or works", choices=OverlapPolicy.choices)
    max_queued = forms.IntegerField(
        label="In the queue", required=False, help_text="How many of its runs may wait; empty is no limit."
    )
    queue_policy = forms.ChoiceField(label="An event while that many wait", choices=QueuePolicy.choices)
    max_concurrent = forms.IntegerField(
        label="At once", required=False, help_text="How many of its runs; empty is no limit."
    )
    max_concurrent_per_item = forms.IntegerField(
        label="At once for one item",
        required=False,
        help_text="It waits while its item has so many runs, of any trigger; empty is no limit.",
    )
    max_per_hour = forms.IntegerField(
        label="Begin within an hour", required=False, help_text="At most so many; the others wait. Empty is no limit."
    )
    max_per_day = forms.IntegerField(
        label="Begin within a day", required=False, help_text="At most so many; the others wait. Empty is no limit."
    )
    budget_window = forms.ChoiceField(label="A budget is for", choices=BudgetWindow.choices)
    budget_runs = forms.IntegerField(
        label="Budget of runs", required=False, help_text="So many begin in it; the others wait. Empty is no budget."
    )
    budget_tokens = forms.IntegerField(
        label="Budget of tokens", required=False, help_text="As its agents report them. Empty is no budget."
    )
    budget_money = forms.DecimalField(
        label="Budget of money", required=False, help_text="In your currency, as its agents report it."
    )
    max_tokens_per_run = forms.IntegerField(
        label="Tokens of one run at most",
        required=False,
        help_text="Reserved when it begins; it is ended when it uses more. Empty: all that is left of the budget.",
    )
    max_money_per_run = forms.DecimalField(
        label="Money of one run at most", required=False, help_text="The same for money."
    )
    max_attempts = forms.IntegerField(
        label="Attempts", required=False, help_text="How often a run that fails is tried."
    )
    deadline_s = forms.IntegerField(label="A run may take", required=False, help_text=SECONDS)
    expires_s = forms.IntegerField(label="A run may wait", required=False, help_text="Seconds; then it expires.")
    stale_after_s = forms.IntegerField(
        label="An event is too old after", required=False, help_text="Seconds; empty: never."
    )
    late = forms.ChoiceField(label="An event older than what its item shows", choices=LatePolicy.choices)


def _option(label: str, name: str, words: str, *, is_long: bool = False) -> forms.CharField:
    """A field that is shown where a format is chosen that it goes with."""
    formats = " ".join(one.value for one, kind in KINDS.items() if kind.option == name)
    attrs = {"data-goes-with": formats, **({"class": "mono", "rows": 8, "spellcheck": "false"} if is_long else {})}
    widget = forms.Textarea(attrs=attrs) if is_long else forms.TextInput(attrs=attrs)
    return forms.CharField(label=label, required=False, help_text=words, widget=widget)


class DeliverablePart(forms.Form):
    """One required file and its checks."""

    name = forms.CharField(max_length=200)
    kind = forms.ChoiceField(choices=DeliverableKind.choices)
    target = forms.CharField(max_length=500, help_text="A path, such as feedback/report.md.")
    required = forms.BooleanField(label="It must hold before the run is done", required=False)
    min_size = forms.IntegerField(label="At least", required=False, help_text="Bytes.")
    max_size = forms.IntegerField(label="At most", required=False, help_text="Bytes.")
    pattern = forms.CharField(label="Contains", required=False, max_length=500, help_text="A regular expression (RE2).")
    forbidden_pattern = forms.CharField(
        label="Contains nothing like", required=False, max_length=500, help_text="A regular expression (RE2)."
    )
    format = forms.ChoiceField(
        label="Format",
        required=False,
        choices=[("", "Any"), *((one.value, kind.name[:1].upper() + kind.name[1:]) for one, kind in KINDS.items())],
        help_text="By content, not by the ending of its name.",
        widget=forms.Select(attrs={"data-format": True}),
    )
    columns = _option("Columns", "columns", "Names with commas between them.")
    sections = _option("Sections", "sections", "Headings with commas between them; each with something in it.")
    schema = _option("Schema", "schema", "JSON Schema, without $ref.", is_long=True)
    deadline_s = forms.IntegerField(label="Within", required=False, help_text=SECONDS)


DeliverableSet = formset_factory(DeliverablePart, extra=0, can_delete=True)
DELIVERABLES = "deliverables"

# What a draft that says nothing means: a select has to show something, and must not show another choice than that.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "general": {"priority": DEFAULT_PRIORITY},
    "workspace": {"deploy": DeployMode.AUTO.value},
    "agent": {"strategy": Strategy.FRESH.value, "match_on": Criterion.values},
    "limits": {
        "cooldown_policy": DocumentLimits.cooldown_policy.value,
        "cooldown_by": DocumentLimits.cooldown_by.value,
        "batch_by": DocumentLimits.batch_by.value,
        "overlap": DocumentLimits.overlap.value,
        "queue_policy": DocumentLimits.queue_policy.value,
        "late": DocumentLimits.late.value,
        "budget_window": DocumentLimits.budget_window.value,
    },
}


@dataclass(frozen=True)
class EditorForms:
    """One form a tab, each under its own prefix."""

    general_form: General
    workspace_form: WorkspacePart
    agent_form: AgentPart
    limits_form: LimitsPart
    deliverable_formset: "BaseFormSet[DeliverablePart]"


def forms_of(draft: Mapping[str, Any], *, user: User, may_raise: bool) -> EditorForms:
    """The forms of a draft, with what the person may choose from; what the draft names already stays choosable."""
    workspace, agent, limits = (_part(draft, name) for name in ("workspace", "agent", "limits"))
    listeners = [key for key in map(listener_key, _list(draft, "listeners")) if key]
    general = General(
        prefix="general",
        initial={**DEFAULTS["general"], **_said(draft, "name", "priority"), "listeners": listeners},
    )
    _choices(general, "listeners", _listener_choices(user, listeners))
    _choices(general, "priority", _priorities(draft.get("priority"), may_raise=may_raise))
    template, profile = str(workspace.get("template_id") or ""), str(agent.get("profile_id") or "")
    workspace_form = WorkspacePart(
        prefix="workspace", initial={**DEFAULTS["workspace"], **workspace, "template_id": template}
    )
    rows = [(str(row.pk), row.name) for row in templates_visible_to(user=user).order_by("name", "id")]
    _choices(workspace_form, "template_id", _offered(rows, template, "An empty workspace"))
    agent_form = AgentPart(prefix="agent", initial={**DEFAULTS["agent"], **agent, "profile_id": profile})
    profiles = visible(AgentProfile.objects.filter(is_archived=False), user=user).order_by("name", "id")
    _choices(agent_form, "profile_id", _offered([(str(row.pk), row.name) for row in profiles], profile, "Choose one"))
    initial: Any = [_flat(part) for part in _list(draft, DELIVERABLES)]
    return EditorForms(
        general_form=general,
        workspace_form=workspace_form,
        agent_form=agent_form,
        limits_form=LimitsPart(prefix="limits", initial={**DEFAULTS["limits"], **limits}),
        deliverable_formset=DeliverableSet(prefix=DELIVERABLES, initial=initial),
    )


def listener_key(part: Mapping[str, Any]) -> str:
    """ "item:3" or "connection:4"; "" for a part that names neither."""
    for name, kind in (("context_item_id", "item"), ("connection_id", "connection")):
        if type(part.get(name)) is int:  # True is an int to isinstance, and no number of anything.
            return f"{kind}:{part[name]}"
    return ""


def _listener_choices(user: User, chosen: Sequence[str]) -> Choices:
    ids = [int(key.partition(":")[2]) for key in chosen if key.startswith("item:")]
    rows = items_visible_to(user=user)
    cards = {item.pk: item for item in rows.filter(is_watched=True).order_by("-changed_at", "-id")[:CARDS_OFFERED]}
    cards |= {item.pk: item for item in rows.filter(pk__in=ids)}
    connections = visible(Connection.objects.filter(is_enabled=True), user=user).order_by("name", "id")
    known = [
        (f"item:{pk}", f"{item.title or item.external_key} ({ItemKind(item.kind).label})") for pk, item in cards.items()
    ]
    known += [(f"connection:{row.pk}", f"Everything of {row.name}") for row in connections]
    unseen = sorted(set(chosen) - {key for key, _ in known})
    return known + [(key, "Something that you may not see") for key in unseen]


def _priorities(standing: Any, *, may_raise: bool) -> Choices:
    most = 10 if may_raise else HIGH_FROM - 1
    numbers = {*range(1, most + 1), *([standing] if isinstance(standing, int) and 1 <= standing <= 10 else [])}
    return [(str(number), str(number)) for number in sorted(numbers)]


def _offered(rows: Choices, chosen: str, nothing: str) -> Choices:
    offered = [("", nothing), *rows]
    if chosen and chosen not in {value for value, _ in offered}:
        offered.append((chosen, "One that is gone, or that you may not see"))
    return offered


def _choices(form: forms.Form, name: str, choices: Choices) -> None:
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(f"{name} offers no choices")
    field.choices = choices


def _said(draft: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: draft[name] for name in names if draft.get(name) is not None}


def _part(draft: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = draft.get(name)
    return found if isinstance(found, dict) else {}


def _list(draft: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    found = draft.get(name)
    return (part for part in (found if isinstance(found, list) else ()) if isinstance(part, dict))


def _flat(part: Mapping[str, Any]) -> dict[str, Any]:
    rules = part.get("rules")
    return {"required": True, **part, **(editor_rules.shown(rules) if isinstance(rules, dict) else {})}
