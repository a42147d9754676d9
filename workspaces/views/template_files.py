"""The files of a template: written as text, uploaded, taken out."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import SignedInView
from accounts.views.forms import FormPage, Refused
from workspaces import files
from workspaces.files import FileTrouble
from workspaces.models import WorkspaceTemplate
from workspaces.selectors.workspaces import templates_visible_to
from workspaces.services import templates

TEXT_BYTES = 512 * 1024
EDIT = Operation.EDIT_WORKSPACES


class FileForm(forms.Form):
    """A file as text, or an upload that takes its place."""

    path = forms.CharField(max_length=1000, help_text="Below work/ or feedback/, such as work/notes.md.")
    text = forms.CharField(required=False, strip=False, widget=forms.Textarea(attrs={"rows": 18, "class": "mono"}))
    upload = forms.FileField(required=False, help_text="Instead of the text; at most 5 MB.")


class TemplateFile(FormPage):
    """One file of a template; ``?path=`` names it, without it a new one."""

    operation = EDIT
    page = "templates"
    template_name = "workspaces/template_file.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row, path = self._row(kwargs["pk"]), self.request.GET.get("path", "")
        return {
            "title": path or "New file",
            "icon": "file-earmark-text",
            "list_url": reverse("template", args=[row.pk]),
            "list_label": row.name,
            "submit": "Save",
            "acts": [_delete(row, path)] if path else [],
            "note": "Every clone from now on has it.",
            **super().context(**kwargs),
        }

    def form(self, data: Any, **kwargs: Any) -> FileForm:
        row, path = self._row(kwargs["pk"]), self.request.GET.get("path", "")
        text = _text_of(row, path) if path else ""
        return FileForm(data, self.request.FILES or None, initial={"path": path or "work/", "text": text})

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        row, values = self._row(kwargs["pk"]), form.cleaned_data
        upload = values["upload"]
        content = upload.read() if upload else values["text"].replace("\r\n", "\n").encode("utf-8", "replace")
        try:
            templates.put_file(template=row, path=values["path"], content=content, by=self.actor, now=self.now)
        except FileTrouble as trouble:
            raise Refused([("path", str(trouble))]) from trouble
        return done(self.request, f"{values['path']} is saved.", goto=reverse("template", args=[row.pk]))

    def _row(self, pk: int) -> WorkspaceTemplate:
        row = self.find(templates_visible_to(user=self.user), pk=pk)
        self.require(EDIT, row)
        return row


class DeleteTemplateFile(SignedInView):
    """Take a file out of a template."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(templates_visible_to(user=self.user), pk=pk)
        self.require(EDIT, row)
        path = request.GET.get("path", "")
        try:
            is_gone = templates.delete_file(template=row, path=path, by=self.actor, now=self.now)
        except FileTrouble as trouble:
            raise Http404 from trouble
        text = f"{path} is taken out." if is_gone else "It was gone already."
        return done(request, text, goto=reverse("template", args=[row.pk]))


def _text_of(row: WorkspaceTemplate, path: str) -> str:
    """A file that is text; a 404 for one that is none, or too long to be edited on a page."""
    try:
        return files.read_all(files.template_root(row), path, limit=TEXT_BYTES).decode()
    except (FileTrouble, UnicodeDecodeError) as trouble:
        raise Http404("This file cannot be edited as text.") from trouble


def _delete(row: WorkspaceTemplate, path: str) -> dict[str, Any]:
    return {
        "label": "Take out",
        "url": f"{reverse('template-file-delete', args=[row.pk])}?{urlencode({'path': path})}",
        "confirm": f"Take {path} out?",
        "lines": ["Clones that were made before keep it."],
        "yes": "Take out",
        "is_danger": True,
    }
