"""Erasing an item or a person: counted first, confirmed by typing what it is, then with a bar. For Developers."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done
from accounts.views.base import PageView
from accounts.views.filtering import Filters
from accounts.views.forms import UNPROCESSABLE
from accounts.views.lists import ListPage
from triggers.enums import ErasureKind
from triggers.models import Erasure
from triggers.services.keeping import erasing
from triggers.services.keeping.erase_find import LONGEST, SHORTEST, Person
from triggers.services.keeping.erasing import Counted, CountsChanged, InvalidSubject, StillRunning, Subject
from triggers.views.links import item_label, link_to_item
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to

WORDS = {
    "events": "events",
    "deliveries": "raw deliveries",
    "decisions": "reasons of decisions",
    "workspaces": "workspaces",
    "messages": "messages of agents",
    "files": "context files",
    "states": "states of items",
    "items": "items",
    "answers": "answers kept for repeated calls",
}
"""What the counts of an erasure are of."""


class ItemForm(forms.Form):
    """How far it goes."""

    with_files = forms.BooleanField(
        label="The files that agents made of it too",
        required=False,
        help_text="Everything in work/ and feedback/ of its workspaces. Without it they stay.",
    )


class PersonForm(ItemForm):
    """Whom, and where."""

    field_order = ("person", "connection", "with_files")
    person = forms.CharField(
        label="Address or login",
        min_length=SHORTEST,
        max_length=LONGEST,
        help_text="As the source knows them. It is found as a whole word, wherever it stands.",
    )
    connection = forms.TypedChoiceField(label="Look in", required=False, coerce=int, empty_value=None)


class EraseForm(forms.Form):
    """What confirms it."""

    confirmation = forms.CharField(max_length=5_000, widget=forms.HiddenInput)
    typed = forms.CharField(max_length=500, label="To erase it, type it")
    stop_running = forms.BooleanField(label="Stop the runs that still go on", required=False)


class ErasePage(PageView):
    """Look, then type what it is."""

    operation = Operation.ERASE
    page = "status"
    template_name = "triggers/erase.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "form": self.form(None),
            "list_url": reverse("erasures"),
            "url": self.request.path,
            **self.words(**kwargs),
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        form = self.form(request.POST)
        if not form.is_valid():
            return self.draw({**self.context(**kwargs), "form": form}, status=UNPROCESSABLE)
        subject = self.subject(form, **kwargs)
        try:
            counted = erasing.count(subject=subject, by=self.actor, now=self.now)
        except InvalidSubject as invalid:
            form.add_error(None, str(invalid))
            return self.draw({**self.context(**kwargs), "form": form}, status=UNPROCESSABLE)
        if "confirmation" not in request.POST:
            return self._counted(form, counted, EraseForm(initial={"confirmation": counted.confirmation}), **kwargs)
        return self._confirmed(request, form, subject, counted, **kwargs)

    @abstractmethod
    def words(self, **kwargs: Any) -> dict[str, Any]:
        """``title``, and ``name``: what has to be typed ("" while nobody is named)."""

    @abstractmethod
    def form(self, data: Any) -> forms.Form:
        """What is asked before the look."""

    @abstractmethod
    def subject(self, form: forms.Form, **kwargs: Any) -> Subject:
        """What the form and the address name."""

    def _confirmed(
        self, request: HttpRequest, form: forms.Form, subject: Subject, counted: Counted, **kwargs: Any
    ) -> HttpResponse:
        sure = EraseForm(request.POST)
        if sure.is_valid() and sure.cleaned_data["typed"].strip() != _name_of(subject):
            sure.add_error("typed", "That is something else. Nothing was erased.")
        if sure.is_valid():
            said = sure.cleaned_data
            try:
                row = erasing.start(
                    subject=subject,
                    confirmation=said["confirmation"],
                    stop_running=said["stop_running"],
                    user=self.user,
                    by=self.actor,
                    now=self.now,
                )
            except CountsChanged as changed:
                sure = EraseForm({**request.POST.dict(), "confirmation": changed.counted.confirmation})
                sure.add_error(None, str(changed))
                counted = changed.counted
            except StillRunning as running:
                sure.add_error("stop_running", str(running))
            except InvalidSubject as invalid:
                sure.add_error(None, str(invalid))
            else:
                return done(request, "It is being erased.", goto=reverse("erasure", args=[row.pk]))
        return self._counted(form, counted, sure, status=UNPROCESSABLE, **kwargs)

    def _counted(
        self, form: forms.Form, counted: Counted, sure: EraseForm, *, status: int = 200, **kwargs: Any
    ) -> HttpResponse:
        if not counted.running:
            del sure.fields["stop_running"]
        return self.draw({**self.context(**kwargs), "form": form, "counted": counted, "sure": sure}, status=status)


class EraseItem(ErasePage):
    """An item, with everything that hangs under it."""

    page = "library"

    def words(self, **kwargs: Any) -> dict[str, Any]:
        item = self._item(kwargs["pk"])
        return {"title": f"Erase {item_label(item)}", "name": item.external_key, "back": link_to_item(item)}

    def form(self, data: Any) -> forms.Form:
        return ItemForm(data)

    def subject(self, form: forms.Form, **kwargs: Any) -> Subject:
        return Subject(item=self._item(kwargs["pk"]), with_files=form.cleaned_data["with_files"])

    def _item(self, pk: int) -> ContextItem:
        return self.find(items_visible_to(user=self.user), pk=pk)


class ErasePerson(ErasePage):
    """A person, as a source knows them."""

    def words(self, **kwargs: Any) -> dict[str, Any]:
        back = {"label": "Retention", "url": reverse("retention")}
        return {"title": "Erase a person", "name": self.request.POST.get("person", "").strip(), "back": back}

    def form(self, data: Any) -> forms.Form:
        form = PersonForm(data)
        rows = visible(Connection.objects.order_by("name", "id"), user=self.user)
        fields: Any = form.fields
        fields["connection"].choices = [("", "Every connection"), *((row.pk, row.name) for row in rows)]
        return form

    def subject(self, form: forms.Form, **kwargs: Any) -> Subject:
        said = form.cleaned_data
        return Subject(person=Person(said["person"], said["connection"]), with_files=said["with_files"])


class ErasuresPage(ListPage[Erasure]):
    """What was erased, without a word of it."""

    operation = Operation.ERASE
    page = "status"
    template_name = "triggers/erasures.html"
    name: ClassVar[str] = "erasures"
    noun = "erasures"

    def rows(self) -> QuerySet[Erasure]:
        return visible(Erasure.objects.select_related("created_by"), user=self.user, operation=Operation.ERASE)

    def filters(self) -> Filters:
        return Filters("Erasures")

    def shown(self, rows: Sequence[Erasure]) -> list[dict[str, Any]]:
        return [_shown(row) for row in rows]

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().context(**kwargs), "new_url": reverse("erase-person"), "back_url": reverse("retention")}


class ErasurePage(PageView):
    """One of them, with its bar."""

    operation = Operation.ERASE
    page = "status"
    template_name = "triggers/erasure.html"
    parts: ClassVar = {"progress": "triggers/_erasure.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rows = visible(Erasure.objects.select_related("created_by"), user=self.user, operation=Operation.ERASE)
        return {"erasure": _shown(self.find(rows, pk=kwargs["pk"])), "list_url": reverse("erasures")}


def _name_of(subject: Subject) -> str:
    if subject.item is not None:
        return subject.item.external_key
    return subject.person.name if subject.person is not None else ""


def _shown(row: Erasure) -> dict[str, Any]:
    counts = [{"words": words, "count": row.counts[name]} for name, words in WORDS.items() if row.counts.get(name)]
    is_item = row.kind == ErasureKind.ITEM
    return {
        "id": row.pk,
        "url": reverse("erasure", args=[row.pk]),
        "what": f"Item {row.item_id}" if is_item else f"A person, {row.digest[:12]}",
        "status": row.status,
        "with_files": row.with_files,
        "total": row.total,
        "done": row.done,
        "counts": counts,
        "waits_for": row.waits_for,
        "by": row.created_by.get_username(),
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }
