"""Agent profiles: who may be put to work, and how."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import SignedInView
from accounts.views.filtering import Filters, searched
from accounts.views.forms import FormPage, Refused
from accounts.views.lists import ListPage
from agents.models import AgentProfile
from agents.selectors.agents import profiles_visible_to, providers_visible_to
from agents.services import profiles
from agents.services.values import BadValues
from agents.views.profile_forms import LABELS, ProfileForm

EDIT = Operation.EDIT_WORKSPACES
HELP = (
    "Digest is built in: it writes down what changed, needs no key and no network.",
    "A model is asked by DCT itself and works by file tools, within the limits of its permissions.",
    "A command runs a program that a Developer registered, inside the workspace.",
    "Agents that run keep what they were started with.",
)


class ProfilesPage(ListPage[AgentProfile]):
    """Every profile that the person may see."""

    operation = Operation.VIEW
    page = "profiles"
    template_name = "agents/profiles.html"
    name: ClassVar[str] = "profiles"

    def rows(self) -> QuerySet[AgentProfile]:
        rows = profiles_visible_to(user=self.user)
        return rows.filter(name__icontains=text) if (text := searched(self.request)) else rows

    def filters(self) -> Filters:
        return Filters("Filter profiles", search="Search names")

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().context(**kwargs), "new_url": reverse("profile-new") if self.may(EDIT) else ""}

    def shown(self, rows: Sequence[AgentProfile]) -> list[dict[str, Any]]:
        return [
            {
                "url": reverse("profile", args=[row.pk]),
                "name": row.name,
                "comment": row.user_comment,
                "runtime": row.command.name if row.command else LABELS.get(row.runtime, row.runtime),
                "model": row.model,
                "time_limit_ms": row.time_limit_s * 1000,
                "owner": row.owner.get_username(),
                "updated_at": row.updated_at,
            }
            for row in rows
        ]


class _ProfileForm(FormPage):
    page = "profiles"

    def words(self, title: str, submit: str) -> dict[str, Any]:
        """What the template says around the form."""
        listed = {"list_url": reverse("profiles"), "list_label": "Agent profiles"}
        return {"title": title, "icon": "robot", "submit": submit, "help": HELP, **listed}

    def providers(self) -> list[str]:
        """Whom a model may be asked of."""
        rows = providers_visible_to(user=self.user).filter(is_enabled=True)
        return list(rows.values_list("name", flat=True))


class NewProfile(_ProfileForm):
    """A profile of one's own."""

    operation = EDIT

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {**self.words("New agent profile", "Make it"), **super().context(**kwargs)}

    def form(self, data: Any, **kwargs: Any) -> ProfileForm:
        fresh = AgentProfile()
        initial = {name: getattr(fresh, name) for name in profiles.EDITABLE}
        return ProfileForm(data, initial=initial, providers=self.providers())

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        values = {name: form.cleaned_data[name] for name in profiles.EDITABLE}
        try:
            made = profiles.create(owner=self.user, by=self.actor, now=self.now, **values)
        except BadValues as wrong:
            raise Refused(wrong.problems.items()) from wrong
        return done(self.request, f"{made.name} is there.", goto=reverse("profiles"))


class ProfilePage(_ProfileForm):
    """One profile; those who may not edit it see the same, without buttons."""

    operation = Operation.VIEW

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self._row(kwargs["pk"])
        may_edit = self.may(EDIT, row)
        words = self.words(row.name, "Save" if may_edit else "")
        return {**words, "acts": [_archive(row)] if may_edit else [], **super().context(**kwargs)}

    def check(self, **kwargs: Any) -> None:
        self.require(EDIT, self._row(kwargs["pk"]))

    def form(self, data: Any, **kwargs: Any) -> ProfileForm:
        row = self._row(kwargs["pk"])
        initial = {name: getattr(row, name) for name in (*profiles.EDITABLE, "version")}
        return ProfileForm(data, initial=initial, providers=self.providers())

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        row = self._row(kwargs["pk"])
        values = {name: form.cleaned_data[name] for name in profiles.EDITABLE}
        # A form without its version is in conflict with every version.
        version = form.cleaned_data["version"] or 0
        try:
            profiles.update(profile=row, by=self.actor, now=self.now, version=version, **values)
        except BadValues as wrong:
            raise Refused(wrong.problems.items()) from wrong
        return done(self.request, f"{row.name} is saved.", goto=reverse("profiles"))

    def _row(self, pk: int) -> AgentProfile:
        return self.find(profiles_visible_to(user=self.user), pk=pk)


class ArchiveProfile(SignedInView):
    """Put it away: triggers that name it say so when they fire."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(profiles_visible_to(user=self.user), pk=pk)
        self.require(EDIT, row)
        profiles.archive(profile=row, by=self.actor, now=self.now)
        return done(request, f"{row.name} is put away.", goto=reverse("profiles"))


def _archive(row: AgentProfile) -> dict[str, Any]:
    return {
        "label": "Put away",
        "url": reverse("profile-archive", args=[row.pk]),
        "confirm": f"Put {row.name} away?",
        "lines": ["Triggers that name it say so when they fire.", "Agents that run go on."],
        "yes": "Put away",
        "is_danger": True,
    }
