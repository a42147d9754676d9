"""The library: everything that is watched, each as a card with its listener and its triggers."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Choice, Filters, searched
from accounts.views.keyset import keyset_page
from triggers.selectors.cards import library_rows, with_changes
from triggers.selectors.health import Reason, health
from triggers.services.listening import unwatch_item, watch_item
from triggers.views.cards import cards_of
from triggers.views.demo import demo_buttons
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.selectors.library import items_visible_to

CARDS = 24
SOURCE = Choice("source", "Source", "All sources", [(one.value, one.label) for one in Source])
KIND = Choice("kind", "Kind", "Every kind", [(one.value, one.label) for one in ItemKind])
FILTERS = Filters("Filter cards", choices=(SOURCE, KIND), search="Search titles and keys")


class LibraryPage(PageView):
    """The cards, or the first run where nothing is watched yet."""

    operation = Operation.VIEW
    page = "library"
    template_name = "triggers/library.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rows = library_rows(user=self.user, now=self.now)
        page = keyset_page(self._narrowed(rows), request=self.request, size=CARDS, order=("-moved_at", "-id"))
        has_any = bool(page.rows) or rows.order_by().exists()
        context = {
            "cards": cards_of(page.rows, user=self.user, now=self.now, demo=demo_buttons()),
            "filters": FILTERS.shown(self.request),
            "pager": page.pager if page.pager["older_url"] or page.pager["newer_url"] else None,
            "has_any": has_any,
            "schedule_url": reverse("schedule-new") if self.may(Operation.PUBLISH_TRIGGERS) else "",
            "watch_url": reverse("watch") if self.may(Operation.PUBLISH_TRIGGERS) else "",
            "connect_url": reverse("connections") if self.may(Operation.MANAGE_CONNECTIONS) else "",
        }
        return context if has_any else {**context, **_first_run(self.now)}

    def _narrowed(self, rows: QuerySet[ContextItem]) -> QuerySet[ContextItem]:
        if source := SOURCE.chosen(self.request):
            rows = rows.filter(connection__source=source)
        if kind := KIND.chosen(self.request):
            rows = rows.filter(kind=kind)
        if text := searched(self.request):
            rows = rows.filter(Q(title__icontains=text) | Q(external_key__icontains=text))
        return rows


class CardFragment(PageView):
    """One card, as its live fragment asks for it."""

    operation = Operation.VIEW
    template_name = "triggers/_card.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        item = self.find(with_changes(items_visible_to(user=self.user)), pk=kwargs["pk"])
        return {"card": cards_of([item], user=self.user, now=self.now, demo=demo_buttons())[0]}


class Unwatch(SignedInView):
    """Take a card away; the toast's undo brings it back."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        item = self.find(items_visible_to(user=self.user), pk=pk)
        self.require(Operation.PUBLISH_TRIGGERS, item)
        unwatch_item(item=item, by=self.actor, now=self.now)
        return done(request, f"{item} is no longer on a card. Its history stays.", reload=True)


class Rewatch(SignedInView):
    """Bring a card back."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        item = self.find(items_visible_to(user=self.user), pk=pk)
        self.require(Operation.PUBLISH_TRIGGERS, item)
        watch_item(item=item, by=self.actor, now=self.now)
        return done(request, f"{item} is on a card again.", reload=True)


def _first_run(now: datetime) -> dict[str, Any]:
    """How this installation stands, for somebody who sees it for the first time."""
    found = health(now=now)
    database = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite, one file"
    return {
        "health_state": found.state,
        "readiness": [
            _part("Database", database, (), found.reasons),
            _part("Engine", "Decides, starts and supervises", ("engine_silent", "agents_silent"), found.reasons),
            _part("Clock", "Ticks every second", ("tick_silent", "engine_silent"), found.reasons),
            _part("Files", "There is room", ("disk", "data_directory"), found.reasons),
            _part("Agents", _agents(), (), found.reasons),
        ],
    }


def _agents() -> str:
    return "On machines of their own" if settings.SCALED else "Digest is built in; it needs no key and no network"


def _part(name: str, words: str, codes: tuple[str, ...], reasons: tuple[Reason, ...]) -> dict[str, str]:
    wrong = next((reason for reason in reasons if reason.code in codes), None)
    return {
        "name": name,
        "state": wrong.state if wrong else "healthy",
        "words": f"{wrong.text} {wrong.advice}" if wrong else words,
    }
