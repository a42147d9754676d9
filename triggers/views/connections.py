"""Connections: listed with how they stand; their secrets replaced; polled at once."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.permissions import visible
from accounts.views.answers import done, refused
from accounts.views.base import PageView, SignedInView
from accounts.views.keyset import keyset_page
from dct_site.kernel.rest.problems import Problem
from triggers.models import ContextListener, WebhookEndpoint
from triggers.selectors.listeners import heard_at, listeners_visible_to
from triggers.services import endpoints
from triggers.services.connections import pause_connection, resume_connection
from triggers.services.listeners import NotPolled, poll_now
from triggers.views.addresses import public_url
from triggers.views.cards import shown_listener
from triggers.views.rights import allowed_ids

NEW = (
    {"source": Source.GITHUB.value, "label": "GitHub"},
    {"source": Source.EMAIL.value, "label": "Mailbox"},
    {"source": Source.WEBHOOK.value, "label": "Webhook"},
    {"source": Source.CLOUDEVENTS.value, "label": "CloudEvents"},
)
EDITABLE = frozenset(one["source"] for one in NEW)
OFF = {"state": "paused", "words": "Switched off: not heard at all", "at": None}
UNHEARD = {"state": "silent", "words": "Nothing listens to it as a whole", "at": None}


def connections_visible_to(user: Any) -> QuerySet[Connection]:
    """Connections within reach with their endpoint, annotated with ``heard_at``."""
    rows = Connection.objects.select_related("endpoint", "owner").annotate(heard_at=heard_at("pk"))
    return visible(rows, user=user)


class ConnectionsPage(PageView):
    """Where DCT listens."""

    operation = Operation.VIEW
    page = "connections"
    template_name = "accounts/connections.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        page = keyset_page(connections_visible_to(self.user), request=self.request)
        may_make = self.may(Operation.MANAGE_CONNECTIONS)
        return {
            "connections": self._shown(page.rows),
            "pager": page.pager if page.pager["older_url"] or page.pager["newer_url"] else None,
            "new_urls": [{**one, "url": reverse("connection-new", args=[one["source"]])} for one in NEW if may_make],
            "once": None,
        }

    def _shown(self, rows: Sequence[Connection]) -> list[dict[str, Any]]:
        ids = [row.pk for row in rows]
        heard = listeners_visible_to(user=self.user).filter(item=None, connection_id__in=ids)
        listeners = {row.connection_id: row for row in heard}
        mine = allowed_ids(self.user, Operation.MANAGE_CONNECTIONS, Connection.objects.all(), among=ids)
        return [self._row(row, listeners.get(row.pk), is_mine=row.pk in mine) for row in rows]

    def _row(self, row: Connection, listener: ContextListener | None, *, is_mine: bool) -> dict[str, Any]:
        told = shown_listener(listener, heard_at=row.heard_at) if listener else UNHEARD  # type: ignore[attr-defined]
        endpoint = getattr(row, "endpoint", None)
        return {
            "id": row.pk,
            "name": row.name,
            "source": row.source,
            **(told if row.is_enabled else OFF),
            "address": _address(row),
            "webhook_url": public_url(self.request, f"/hooks/{endpoint.path}") if endpoint and is_mine else "",
            "edit_url": reverse("connection", args=[row.pk]) if is_mine and row.source in EDITABLE else "",
            "test_url": reverse("connection-poll", args=[row.pk]) if is_mine and row.source == Source.EMAIL else "",
        }


class PollNow(SignedInView):
    """Look into the mailbox at once."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        listener = self.find(ContextListener.objects.select_related("connection"), connection=row, item=None)
        try:
            poll_now(listener=listener, by=self.actor, now=self.now)
        except NotPolled as wrong:
            return refused(request, Problem(409, "not_polled", str(wrong)))
        return done(request, f"{row.name} is looked into now. Its state tells what came of it.", tone="live")


class NewSecret(ConnectionsPage):
    """Replace the secret of a webhook; the list is drawn with it, this once."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        endpoint = self.find(WebhookEndpoint.objects.all(), connection=row)
        secret = endpoints.rotate_secret(endpoint=endpoint, by=self.actor, now=self.now)
        return self.draw_once(row.name, secret, public_url(request, f"/hooks/{endpoint.path}"))

    def draw_once(self, name: str, secret: str, url: str) -> HttpResponse:
        """The list with the secret above it; kept by nobody on the way."""
        once = {"name": name, "secret": secret, "webhook_url": url}
        response = self.draw({**self.context(), "once": once})
        response["Cache-Control"] = "no-store"
        return response


class RevokeOldSecrets(SignedInView):
    """End replaced secrets before their 24 hours are over."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        endpoint = self.find(WebhookEndpoint.objects.all(), connection=row)
        count = endpoints.revoke_old_secrets(endpoint=endpoint, by=self.actor, now=self.now)
        return done(
            request, f"{count} replaced secret{'' if count == 1 else 's'} ended." if count else "None was left."
        )


def _address(row: Connection) -> str:
    config: Any = row.config if isinstance(row.config, dict) else {}
    if row.source == Source.EMAIL:
        return f"{config.get('username', '')} at {config.get('host', '')}:{config.get('port', '')}"
    return row.tenant


class Pause(SignedInView):
    """Its events are accepted and decided, and nothing fires or starts because of them."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        pause_connection(connection=row, by=self.actor, now=self.now, reason=request.POST.get("reason", ""))
        text = f"{row.name} is paused. Its events are accepted and decided, and nothing of them starts."
        return done(request, text, tone="off", undo=reverse("connection-resume", args=[row.pk]))


class Resume(SignedInView):
    """What waits because of its events starts again."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        resume_connection(connection=row, by=self.actor, now=self.now)
        return done(request, f"{row.name} goes on. What it missed fires only by replay.", reload=True)
