"""What every page of the admin is built on: the one permission rule, rows within reach, changes through services."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast

from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, JSONField, Model, Q, QuerySet, URLField
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts import ownership
from accounts.actor import Actor
from accounts.admin.forms import SEEN, ServiceForm, own_form
from accounts.admin.theme import ThemedAdmin, ThemedInline
from accounts.admin.trail import as_line, entries_about
from accounts.enums import Via
from accounts.models import User
from accounts.operations import Operation, Reach
from accounts.permissions import may, reach_of, visible
from dct_site.kernel.clock import utcnow
from dct_site.kernel.json_field import JsonField


def person(request: HttpRequest) -> User:
    """Who asks; the site lets nobody else come this far."""
    return cast(User, request.user)


def _reach(request: HttpRequest, operation: Operation) -> Reach:
    """How far the person who asks may go, toggles included. Every page asks for each model in its navigation, so an
    answer stands for as long as the request; the service asks for itself.
    """
    known: dict[Operation, Reach] = request.__dict__.setdefault("_dct_reaches", {})
    if operation not in known:
        user = person(request)
        known[operation] = reach_of(user, operation) if may(user, operation) else Reach.NEVER
    return known[operation]


class RoleAdmin(ThemedAdmin):
    """The pages of one model.

    ``viewing``, ``adding``, ``changing`` and ``deleting`` name the operations of the permission table; None is denied
    to everybody. ``shown`` are the fields of a row, ``fields_to_add`` and ``fields_to_change`` those that the form
    has; the others are read only. ``create`` and ``change`` call the service. ``page`` is the name of the product's
    own page about a row, ``numbers`` are the columns that a typed number is looked for in (by index).
    """

    viewing: ClassVar[Operation] = Operation.VIEW
    adding: ClassVar[Operation | None] = None
    changing: ClassVar[Operation | None] = None
    deleting: ClassVar[Operation | None] = None
    shown: ClassVar[Sequence[str]] = ()
    fields_to_add: ClassVar[Sequence[str]] = ()
    fields_to_change: ClassVar[Sequence[str]] = ()
    numbers: ClassVar[Sequence[str]] = ("id",)
    page: ClassVar[str] = ""
    form = ServiceForm
    show_full_result_count = False
    list_per_page = 50
    save_as = False
    formfield_overrides: ClassVar = {URLField: {"assume_scheme": "https"}, JSONField: {"form_class": JsonField}}

    # Who may do what

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.viewing, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.adding is not None and self._may(request, self.adding)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.changing is not None and self._may(request, self.changing, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.deleting is not None and self._may(request, self.deleting, obj)

    def _may(self, request: HttpRequest, operation: Operation, obj: Model | None = None) -> bool:
        if obj is not None and obj.pk is not None:
            return bool(may(person(request), operation, obj))
        reach = _reach(request, operation)
        # A right over one's own rows is none where rows belong to nobody.
        return reach is Reach.ALL or (reach is not Reach.NEVER and self.model in ownership.registered())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return visible(super().get_queryset(request), user=person(request), operation=self.viewing)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = cast("dict[str, Any]", super().get_actions(request))
        return {name: one for name, one in found.items() if may(person(request), one[0].operation)}

    # What a page shows

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fields_to_add
        if not self.fields_to_change or not self.has_change_permission(request, obj):
            return self.shown
        written = [name for name in self.fields_to_change if name not in self.shown]
        return [*self.shown, *written, *([SEEN] if "version" in self.shown else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else [name for name in self.shown if name not in self.fields_to_change]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        # Nothing of them is read from a form: validated after the service has saved, they could only contradict it.
        return [] if obj is None or request.method == "POST" else super().get_inlines(request, obj)

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        return reverse(self.page, args=[obj.pk]) if self.page and obj is not None else None

    def get_search_fields(self, request: HttpRequest) -> Any:
        # The search box is drawn where there is something to look in.
        return super().get_search_fields(request) or self.numbers

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Numbers are looked up by index; texts only where a model names columns to look in."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) <= 18:
            found = Q()
            for name in self.numbers:
                found |= Q(**{name: int(term)})
            return queryset.filter(found), False
        if not self.search_fields or "\0" in term:
            return queryset.none(), False
        return super().get_search_results(request, queryset, term)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Only rows that the person may see can be chosen."""
        kwargs.setdefault("queryset", self.choices_of(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def choices_of(self, db_field: ForeignKey[Any, Any], request: HttpRequest) -> QuerySet[Any]:
        return visible(db_field.related_model._default_manager.all(), user=person(request))

    # What a page changes

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        made = cast(type[ServiceForm], super().get_form(request, obj, change=change, **kwargs))
        drawn = {*self.get_fields(request, obj)} - {*self.get_readonly_fields(request, obj)}
        return own_form(made, partial(self._save, request, obj), drawn=drawn)

    def _save(self, request: HttpRequest, obj: Any, form: ServiceForm) -> Model:
        by, now = Actor.person(person(request), Via.ADMIN), utcnow()
        if obj is None:
            return self.create(request, form.cleaned_data, by=by, now=now)
        return self.change(request, obj, form.given(), by=by, now=now)

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> Model:
        """Make a row of the form's values through its service."""
        raise PermissionDenied

    def change(self, request: HttpRequest, row: Any, values: Mapping[str, Any], *, by: Actor, now: datetime) -> Model:
        """Change a row through its service; ``values`` are those that differ."""
        raise PermissionDenied

    def remove(self, row: Any, *, by: Actor, now: datetime) -> None:
        """Take a row away through its service."""
        raise PermissionDenied

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The service has saved it already, while the form was validated."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Inlines are read only."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj, by=Actor.person(person(request), Via.ADMIN), now=utcnow())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The service decides what goes with it; Django's walk over every related row would ask models' permissions."""
        return [str(obj) for obj in objs], {self.opts.verbose_name_plural: len(objs)}, set(), []

    # The audit log is the history

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service wrote the audit entry."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service wrote the audit entry."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """The service wrote the audit entry."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            raise Http404
        paginator = self.get_paginator(request, entries_about(obj, person=person(request)), 50)
        shown = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        shown.object_list = [as_line(entry) for entry in shown.object_list]
        context = {
            **self.admin_site.each_context(request),
            "title": f"What was changed: {obj}",
            "subtitle": None,
            "action_list": shown,
            "page_range": paginator.get_elided_page_range(shown.number),
            "page_var": PAGE_VAR,
            "pagination_required": paginator.count > 50,
            "module_name": str(self.opts.verbose_name_plural),
            "object": obj,
            "opts": self.opts,
            "preserved_filters": self.get_preserved_filters(request),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/object_history.html", context)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """What is not there and what may not be seen are the same answer."""
        raise Http404


class RoleInline(ThemedInline):
    """Rows that hang under another, to look at: as far as the person may see them, a page of them at a time."""

    viewing: ClassVar[Operation] = Operation.VIEW
    shown: ClassVar[Sequence[str]] = ()
    extra = 0
    max_num = 0
    can_delete = False
    per_page = 20
    show_change_link = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.shown

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = visible(super().get_queryset(request), user=person(request), operation=self.viewing)
        return rows if rows.ordered else rows.order_by("pk")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(may(person(request), self.viewing))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
