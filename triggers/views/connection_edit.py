"""Making and changing a connection, each source with its own fields."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django import forms
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.urls import reverse

from accounts.enums import Source
from accounts.models import Connection
from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.forms import FormPage, Refused
from triggers.models import WebhookEndpoint
from triggers.services import cloudevents, endpoints, mailboxes
from triggers.services.connections import change_connection
from triggers.services.egress import OPENINGS
from triggers.services.own_writes import OWN_ACTORS, InvalidConfig
from triggers.sources.base import PollFailed
from triggers.sources.email.settings import InvalidMailSettings
from triggers.views import connection_forms as fields
from triggers.views.addresses import public_url
from triggers.views.connections import NewSecret, connections_visible_to

EVENTS_URL = "/api/v1/events/"
ENDPOINT = ("verification", "signature_header", "timestamp_header", "id_header", "id_path", "allowed_actors")
MAIL = ("host", "port", "security", "username", "folder", "address", "authserv_id", "allowed_actors", *OPENINGS)
STANDS = ("name", "tenant", "max_concurrent", "is_paused", "is_enabled")
HELP: Mapping[str, Sequence[str]] = {
    Source.GITHUB: (
        "Saving makes an address and a secret. Enter both at GitHub: repository, Settings, Webhooks, Add webhook.",
        "Choose application/json there, and the events you want triggers to see.",
        "The secret is shown once.",
    ),
    Source.WEBHOOK: (
        "Saving makes an address and a secret.",
        "The sender signs the raw body with HMAC-SHA256 and sends the signature in a header.",
        "Without an id nothing is taken for a repeat.",
    ),
    Source.CLOUDEVENTS: (
        "Your programs send to POST /api/v1/events/ with an API token that may post events.",
        "Saving makes the connection that they name there. There is no secret beside the token.",
        "The same source and id again is a repeat.",
    ),
    Source.EMAIL: (
        "The first look sets a baseline: mails that are there already fire nothing.",
        "Mails are read, never changed, moved or deleted.",
        "An application password is better than your own.",
    ),
}
FORMS: Mapping[str, tuple[type[forms.Form], type[forms.Form], str]] = {
    Source.GITHUB: (fields.GitHubForm, fields.GitHubEditForm, "Connect GitHub"),
    Source.WEBHOOK: (fields.WebhookForm, fields.WebhookEditForm, "Connect a webhook"),
    Source.CLOUDEVENTS: (fields.ConnectionForm, fields.CloudEventsEditForm, "Take CloudEvents"),
    Source.EMAIL: (fields.NewMailForm, fields.MailEditForm, "Connect a mailbox"),
}


class _ConnectionForm(FormPage):
    operation = Operation.MANAGE_CONNECTIONS
    page = "connections"
    template_name = "accounts/connection_form.html"

    def shown(self, form: forms.Form) -> forms.Form:
        """Without the fields that the person may not set."""
        if not self.may(Operation.REGISTER_COMMANDS):
            for name in OPENINGS:
                form.fields.pop(name, None)
        return form

    def words(self, source: str, title: str, submit: str) -> dict[str, Any]:
        """What the template says around the form."""
        listed = reverse("connections")
        return {"title": title, "source": source, "list_url": listed, "submit": submit, "help": HELP.get(source, ())}


class NewConnection(_ConnectionForm):
    """A connection of one source (``github``, ``webhook``, ``email``, ``cloudevents``)."""

    def context(self, **kwargs: Any) -> dict[str, Any]:
        source = kwargs["source"]
        if source not in FORMS:
            raise Http404
        return {**self.words(source, FORMS[source][2], "Connect"), **super().context(**kwargs)}

    def form(self, data: Any, **kwargs: Any) -> forms.Form:
        if kwargs["source"] not in FORMS:
            raise Http404
        return self.shown(FORMS[kwargs["source"]][0](data))

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        values, source = dict(form.cleaned_data), Source(kwargs["source"])
        if source == Source.EMAIL:
            return self._mailbox(values)
        if source == Source.CLOUDEVENTS:
            return self._for_events(values["name"])
        name, tenant = values.pop("name"), values.pop("tenant")
        values["config"] = _own_config({}, values.pop(OWN_ACTORS))
        with _said_at_fields(), _unique_name():
            made = endpoints.create_webhook_connection(
                name=name, source=source, tenant=tenant, owner=self.user, by=self.actor, now=self.now, **values
            )
        page = NewSecret()
        page.setup(self.request)
        page.now = self.now
        return page.draw_once(name, made.secret, public_url(self.request, f"/hooks/{made.endpoint.path}"))

    def _for_events(self, name: str) -> HttpResponse:
        with _unique_name(), transaction.atomic():
            made = cloudevents.create_connection(name=name, owner=self.user, by=self.actor, now=self.now)
        told = f"{name} takes events: send them to {public_url(self.request, EVENTS_URL)}?connection={made.pk}"
        return done(self.request, told, goto=reverse("connections"))

    def _mailbox(self, values: dict[str, Any]) -> HttpResponse:
        name, password, is_tried = (values.pop(key) for key in ("name", "password", "is_tried"))
        with _said_at_fields(), _unique_name():
            if is_tried:
                mailboxes.check_connection(password=password, **values)
            mailboxes.create_mail_connection(
                name=name, owner=self.user, password=password, by=self.actor, now=self.now, **values
            )
        return done(self.request, f"{name} is connected. Its card is in the library.", goto=reverse("connections"))


class EditConnection(_ConnectionForm):
    """A connection's settings; secrets are replaced, never shown."""

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self._row(kwargs["pk"])
        endpoint = getattr(row, "endpoint", None)
        return {
            **self.words(row.source, f"Change {row.name}", "Save"),
            **super().context(**kwargs),
            "help": (),
            "webhook_url": public_url(self.request, f"/hooks/{endpoint.path}") if endpoint else "",
            "new_secret_url": reverse("connection-secret", args=[row.pk]) if endpoint else "",
            "revoke_url": reverse("connection-revoke", args=[row.pk]) if endpoint else "",
            "retention_url": reverse("connection-retention", args=[row.pk]) if self.may(Operation.SET_LIMITS) else "",
        }

    def form(self, data: Any, **kwargs: Any) -> forms.Form:
        row = self._row(kwargs["pk"])
        if row.source not in FORMS:
            raise Http404
        endpoint = getattr(row, "endpoint", None)
        initial = {name: getattr(row, name) for name in (*STANDS, "pause_reason")}
        initial |= row.config | ({name: getattr(endpoint, name) for name in ENDPOINT} if endpoint else {})
        form = FORMS[row.source][1](data, initial=initial)
        form.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=row.version)
        return self.shown(form)

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        row, values = self._row(kwargs["pk"]), dict(form.cleaned_data)
        version, password = values.pop("version"), values.pop("password", "")
        standing = {name: values[name] for name in STANDS if name in values}
        reason = values.pop("pause_reason", "")
        endpoint = WebhookEndpoint.objects.filter(connection=row).first()
        if endpoint is None:
            standing["config"] = _mail_config(row, values)
        else:
            standing["config"] = _own_config(row.config, values[OWN_ACTORS])
        with _said_at_fields(), _unique_name(), transaction.atomic():
            change_connection(
                connection=row,
                by=self.actor,
                now=self.now,
                version=version,
                password=password,
                pause_reason=reason,
                **standing,
            )
            if endpoint is not None:
                told = {name: values[name] for name in ENDPOINT if name in values}
                endpoints.change_endpoint(endpoint=endpoint, by=self.actor, now=self.now, **told)
        return done(self.request, f"{row.name} is saved.", goto=reverse("connections"))

    def _row(self, pk: int) -> Connection:
        row = self.find(connections_visible_to(self.user), pk=pk)
        self.require(Operation.MANAGE_CONNECTIONS, row)
        return row


def _mail_config(row: Connection, values: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings with what was typed; what says nothing is left out."""
    typed = {name: values[name] for name in MAIL if name in values}
    config = {**row.config, **typed}
    return {name: value for name, value in config.items() if value not in ("", [], False, None)}


def _own_config(config: Mapping[str, Any], own_actors: list[str]) -> dict[str, Any]:
    """The stored settings with these accounts of DCT's own."""
    rest = {name: value for name, value in config.items() if name != OWN_ACTORS}
    return {**rest, OWN_ACTORS: own_actors} if own_actors else rest


@contextmanager
def _said_at_fields() -> Iterator[None]:
    """What a service refuses, at the field that it is about."""
    try:
        yield
    except (endpoints.InvalidEndpoint, InvalidConfig, InvalidMailSettings) as invalid:
        raise Refused((one.path.removeprefix("config."), one.message) for one in invalid.problems) from invalid
    except PollFailed as failed:
        raise Refused([("", f"The mailbox did not open. {failed}")]) from failed


@contextmanager
def _unique_name() -> Iterator[None]:
    try:
        yield
    except IntegrityError as taken:
        raise Refused([("name", "You have a connection of this name already. Choose another.")]) from taken
