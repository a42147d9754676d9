"""Workspace templates: what is cloned, with the files and the context that every clone gets."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Filters, searched
from accounts.views.forms import UNPROCESSABLE, FormDialog, Refused, blame
from accounts.views.lists import ListPage
from dct_site.kernel.edits import EditConflict
from workspaces import files
from workspaces.enums import ContextRefreshMode
from workspaces.models import WorkspaceTemplate
from workspaces.selectors.library import items_visible_to
from workspaces.selectors.workspaces import templates_visible_to
from workspaces.services import templates, titles
from workspaces.services.templates import BadTemplate
from workspaces.views.template_forms import NewTemplateForm, TemplateForm, context_formset, wishes

FILES_SHOWN = 500
EDIT = Operation.EDIT_WORKSPACES


class TemplatesPage(ListPage[WorkspaceTemplate]):
    """Every template that the person may see."""

    operation = Operation.VIEW
    page = "templates"
    template_name = "workspaces/templates.html"
    name: ClassVar[str] = "templates"

    def rows(self) -> QuerySet[WorkspaceTemplate]:
        rows = templates_visible_to(user=self.user).annotate(clones=Count("workspaces"))
        return rows.filter(name__icontains=text) if (text := searched(self.request)) else rows

    def filters(self) -> Filters:
        return Filters("Filter templates", search="Search names")

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().context(**kwargs), "new_url": reverse("template-new") if self.may(EDIT) else ""}

    def shown(self, rows: Sequence[WorkspaceTemplate]) -> list[dict[str, Any]]:
        return [
            {
                "url": reverse("template", args=[row.pk]),
                "name": row.name,
                "description": row.description,
                "title_pattern": row.title_pattern,
                "mode": ContextRefreshMode(row.context_refresh_mode).label,
                "clones": row.clones,  # type: ignore[attr-defined]
                "owner": row.owner.get_username(),
                "updated_at": row.updated_at,
            }
            for row in rows
        ]


class NewTemplate(FormDialog):
    """An empty template; its files and settings come next."""

    operation = EDIT
    page = "templates"
    title = "New template"
    text = "A template is cloned for every run. Files and settings come next."
    submit = "Go on"

    def form(self, data: Any, **kwargs: Any) -> NewTemplateForm:
        return NewTemplateForm(data)

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        try:
            made = templates.create(owner=self.user, by=self.actor, now=self.now, **form.cleaned_data)
        except BadTemplate as bad:
            raise Refused(bad.problems.items()) from bad
        return done(self.request, f"{made.name} is there.", goto=reverse("template", args=[made.pk]))


class TemplatePage(PageView):
    """One template: settings, context rows, files. Those who may not edit it see the same, without buttons."""

    operation = Operation.VIEW
    page = "templates"
    template_name = "workspaces/template.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self._row(kwargs["pk"])
        may_edit = self.may(EDIT, row)
        listing = files.list_tree(files.template_root(row), limit=FILES_SHOWN)
        return {
            "title": row.name,
            "icon": "box-seam",
            "list_url": reverse("templates"),
            "list_label": "Templates",
            "submit": "Save" if may_edit else "",
            "acts": [_archive(row)] if may_edit else [],
            "note": "Runs that are under way keep what they were cloned from.",
            "formset": self._formset(row, None),
            "files": [_file(row, entry) for entry in listing.entries if entry.kind == "file"],
            "is_cut": listing.is_cut,
            "new_file_url": reverse("template-file", args=[row.pk]) if may_edit else "",
            "form": self._form(row, None),
        }

    def _form(self, row: WorkspaceTemplate, data: Any) -> TemplateForm:
        names = ("name", "description", "title_pattern", "context_refresh_mode", "version")
        return TemplateForm(data, initial={name: getattr(row, name) for name in names})

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save settings and context rows together."""
        row = self._row(kwargs["pk"])
        self.require(EDIT, row)
        form, formset = self._form(row, request.POST), self._formset(row, request.POST)
        if form.is_valid() & formset.is_valid():
            values = dict(form.cleaned_data)
            try:
                templates.update(template=row, context=wishes(formset), by=self.actor, now=self.now, **values)
                return done(request, f"{row.name} is saved.", goto=reverse("template", args=[row.pk]))
            except BadTemplate as bad:
                blame(form, _at_fields(bad.problems))
            except EditConflict as conflict:
                blame(form, [("", str(conflict))])
        return self.draw({**self.context(**kwargs), "form": form, "formset": formset}, status=UNPROCESSABLE)

    def _formset(self, row: WorkspaceTemplate, data: Any) -> Any:
        return context_formset(data, rows=list(row.context.all()), user=self.user)

    def _row(self, pk: int) -> WorkspaceTemplate:
        return self.find(templates_visible_to(user=self.user), pk=pk)


class ArchiveTemplate(SignedInView):
    """Put it away: triggers that name it say so when they fire."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(templates_visible_to(user=self.user), pk=pk)
        self.require(EDIT, row)
        templates.archive(template=row, by=self.actor, now=self.now)
        return done(request, f"{row.name} is put away.", goto=reverse("templates"))


class TitlePreview(PageView):
    """How a title would read, for the newest card that the person may see."""

    operation = Operation.VIEW
    template_name = "workspaces/_title.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        pattern = request.POST.get("title_pattern", "")[:500]
        return self.draw({"title": titles.render(pattern, self._sample()) if pattern.strip() else ""})

    def _sample(self) -> Mapping[str, Any]:
        item = items_visible_to(user=self.user).order_by("-changed_at", "-id").first()
        shown = {"title": "Ship the release notes", "key": "owner/repository#12", "kind": "pull_request"}
        if item is not None:
            shown = {"title": str(item), "key": item.external_key, "kind": item.kind, "url": item.url}
        sample: dict[str, Any] = {"item": shown, "trigger": {"name": "A trigger"}, "date": self.now.date()}
        return {**sample, "event": {"type": "github.pull_request.opened"}, "execution": {"id": 1}}


def _at_fields(problems: Mapping[str, str]) -> list[tuple[str, str]]:
    """A context row's problem carries its path, for it stands above the form."""
    return [(name, f"{name}: {words}" if name.startswith("context/") else words) for name, words in problems.items()]


def _archive(row: WorkspaceTemplate) -> dict[str, Any]:
    return {
        "label": "Put away",
        "url": reverse("template-archive", args=[row.pk]),
        "confirm": f"Put {row.name} away?",
        "lines": ["Triggers that name it say so when they fire.", "Workspaces made from it stay."],
        "yes": "Put away",
        "is_danger": True,
    }


def _file(row: WorkspaceTemplate, entry: files.Entry) -> dict[str, Any]:
    is_plain = all(ord(character) >= 32 for character in entry.path)
    url = f"{reverse('template-file', args=[row.pk])}?{urlencode({'path': entry.path})}" if is_plain else ""
    return {"path": entry.path, "size": entry.size, "changed_at": entry.changed_at, "url": url}
