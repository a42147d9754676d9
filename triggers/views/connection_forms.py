"""The fields of connections: webhooks of GitHub, any signed webhook, a mailbox, events that are sent."""

from typing import Any

from django import forms

from triggers.enums import Verification
from triggers.services.connections import MOST_CONCURRENT
from triggers.sources.email.settings import Security

SIGNED = ("verification", "signature_header", "timestamp_header", "id_header", "id_path")
SIGNING_IN = ("host", "port", "security", "username", "password", "folder", "address", "authserv_id")
STANDING = ("max_concurrent", "is_paused", "pause_reason", "is_enabled", "allow_private", "allow_plain")
PASSWORD = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class LinesField(forms.CharField):
    """One name a line; blank lines do not count."""

    widget = forms.Textarea(attrs={"rows": 3})

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def validate(self, value: Any) -> None:
        """Nothing is required of an empty list; the service looks at the names."""

    def run_validators(self, value: Any) -> None:
        """Those of CharField are for one text."""


class ConnectionForm(forms.Form):
    """What every connection has."""

    name = forms.CharField(max_length=200)


class StandingForm(forms.Form):
    """How a connection that exists stands."""

    max_concurrent = forms.IntegerField(
        label="Runs at once",
        required=False,
        min_value=1,
        max_value=MOST_CONCURRENT,
        help_text="Of those that its events began; the others wait. Empty is no limit.",
    )
    is_paused = forms.BooleanField(
        label="Paused", required=False, help_text="It is heard and decided, but nothing of it fires or starts."
    )
    pause_reason = forms.CharField(
        label="Why", required=False, max_length=300, help_text="Shown under Status beside who paused it and when."
    )
    is_enabled = forms.BooleanField(label="Switched on", required=False, help_text="Off: it is not heard at all.")


class ActorsForm(forms.Form):
    """Whose changes are trusted further than those of any other verified sender."""

    allowed_actors = LinesField(
        required=False,
        label="Trusted people",
        help_text="One name a line, as the other side calls them. What they do may start agents with more rights.",
    )


class CloudEventsEditForm(ConnectionForm, StandingForm):
    """A connection for CloudEvents that exists."""


class OwnActorsForm(forms.Form):
    """By whose names DCT's agents write on the other side."""

    own_actors = LinesField(
        required=False,
        label="DCT's own accounts",
        help_text="One name a line: the accounts by which your agents write there. What they do starts nothing.",
    )


class GitHubForm(ConnectionForm, ActorsForm, OwnActorsForm):
    """Webhooks of GitHub; the signature is GitHub's."""

    field_order = ("name", "tenant", *SIGNED, "allowed_actors", "own_actors", *STANDING)

    tenant = forms.CharField(
        max_length=200, required=False, label="Organisation", help_text="Whose repositories these are."
    )


class WebhookForm(GitHubForm):
    """Any webhook that signs its body."""

    verification = forms.ChoiceField(choices=Verification.choices, initial=Verification.HMAC_SHA256)
    signature_header = forms.CharField(max_length=80, required=False, initial="X-Signature-256")
    timestamp_header = forms.CharField(max_length=80, required=False, help_text="Its time must be within 5 minutes.")
    id_header = forms.CharField(max_length=80, required=False, help_text="Names a delivery, so that a repeat is known.")
    id_path = forms.CharField(max_length=200, required=False, help_text="Or where the body has it, like data.id.")


class GitHubEditForm(GitHubForm, StandingForm):
    """A GitHub connection that exists."""


class WebhookEditForm(WebhookForm, StandingForm):
    """A webhook connection that exists."""


class MailForm(ConnectionForm, ActorsForm):
    """A mailbox. ``allow_private`` and ``allow_plain`` are taken out for those who may not set them."""

    field_order = ("name", *SIGNING_IN, "allowed_actors", *STANDING, "is_tried")

    host = forms.CharField(max_length=253, label="Server", help_text="Like imap.example.com.")
    port = forms.IntegerField(initial=993)
    security = forms.ChoiceField(choices=Security.choices)
    username = forms.CharField(max_length=300, label="User name")
    password = forms.CharField(max_length=1000, widget=PASSWORD, strip=False)
    folder = forms.CharField(max_length=200, initial="INBOX", required=False)
    address = forms.EmailField(required=False, help_text="Where it differs from the user name.")
    authserv_id = forms.CharField(
        max_length=200,
        required=False,
        label="Checked by",
        help_text="How the own server names itself in Authentication-Results; empty: no sender is verified.",
    )
    allow_private = forms.BooleanField(required=False, label="The server is in a private network")
    allow_plain = forms.BooleanField(required=False, label="The password may travel unencrypted")


class NewMailForm(MailForm):
    """A mailbox to connect."""

    is_tried = forms.BooleanField(
        required=False,
        initial=True,
        label="Sign in before it is saved",
        help_text="Takes up to a minute where a server is silent.",
    )


class MailEditForm(MailForm, StandingForm):
    """A mailbox that is connected: an empty password keeps the stored one."""

    password = forms.CharField(
        max_length=1000, widget=PASSWORD, strip=False, required=False, help_text="Empty: the stored one stays."
    )
