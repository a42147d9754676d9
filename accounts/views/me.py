"""One's own account: password, API tokens, keyboard."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.enums import Role, TokenScope
from accounts.models import EVENTS_PER_MINUTE, ApiToken
from accounts.operations import TABLE, Operation, Reach
from accounts.permissions import may, reach_of
from accounts.services import people
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.forms import FormDialog

HANDLE = 16
"""So many characters of a token's digest name it; they open nothing."""
DAYS = ((30, "30 days"), (90, "90 days"), (365, "A year"))
REACHES = {Reach.ALL: "Everything", Reach.OWN: "What is yours or granted to you"}


class MePage(PageView):
    """Who one is here, what one may do, and the tokens that act in one's name."""

    template_name = "accounts/me.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        user = self.user
        rows: Any = ApiToken.objects.filter(user=user).order_by("-created")
        return {
            "person": {"name": user.get_username(), "email": user.email, "role": Role(user.role).label},
            "is_superuser": user.is_superuser,
            "rights": [
                {"label": TABLE[one].label, "reach": REACHES[reach_of(user, one)]}
                for one in Operation
                if not user.is_superuser and may(user, one)
            ],
            "tokens": [_token(row, self.now) for row in rows],
            "password_url": reverse("password"),
            "new_token_url": reverse("token-new"),
            "once": None,
        }


class Password(FormDialog):
    """A new password; other sessions end with it."""

    title = "Change your password"
    text = "You stay signed in here, and are signed out everywhere else."
    submit = "Change it"

    def form(self, data: Any, **kwargs: Any) -> PasswordChangeForm:
        return PasswordChangeForm(self.user, data)

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        people.change_password(user=self.user, password=form.cleaned_data["new_password1"], by=self.actor, now=self.now)
        update_session_auth_hash(self.request, self.user)
        return done(self.request, "Your password is changed.", goto=reverse("me"))


def _rate_field(**over: Any) -> forms.IntegerField:
    most = people.MOST_EVENTS_PER_MINUTE
    text = "What a program posts faster is turned away with 429."
    return forms.IntegerField(label="Events a minute, at most", help_text=text, min_value=1, max_value=most, **over)


class TokenForm(forms.Form):
    """A token to make."""

    name = forms.CharField(max_length=100, help_text="Which program it is for.")
    scope = forms.ChoiceField(label="May be used to", choices=TokenScope.choices)
    days = forms.TypedChoiceField(label="Ends after", choices=DAYS, coerce=int, initial=90)
    events_per_minute = _rate_field(required=False, initial=EVENTS_PER_MINUTE)


class RateForm(forms.Form):
    """How many events a token may post."""

    events_per_minute = _rate_field()


class NewToken(FormDialog):
    """A token; its text is drawn once."""

    title = "New API token"
    text = "It acts in your name, with your rights at most. Its text is shown once."
    submit = "Make it"
    dialog_template = "accounts/token_dialog.html"
    template_name = "accounts/token_page.html"

    def form(self, data: Any, **kwargs: Any) -> TokenForm:
        return TokenForm(data)

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        wanted = form.cleaned_data
        scopes = [TokenScope(wanted["scope"])]
        _, text = people.issue_token(
            user=self.user,
            name=wanted["name"],
            by=self.actor,
            now=self.now,
            scopes=scopes,
            days=wanted["days"],
            events_per_minute=wanted["events_per_minute"] or EVENTS_PER_MINUTE,
        )
        page = MePage()
        page.setup(self.request)
        page.now = self.now
        response = page.draw({**page.context(), "once": {"name": wanted["name"], "text": text}})
        response["Cache-Control"] = "no-store"
        return response


class TokenRate(FormDialog):
    """How many events one of one's tokens may post in a minute."""

    title = "Events a minute"
    text = "It counts from the next event on."
    submit = "Change it"

    def form(self, data: Any, **kwargs: Any) -> RateForm:
        return RateForm(data, initial={"events_per_minute": self._token(kwargs["handle"]).events_per_minute})

    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        rate = form.cleaned_data["events_per_minute"]
        token = self._token(kwargs["handle"])
        people.set_token_rate(token=token, events_per_minute=rate, by=self.actor, now=self.now)
        return done(self.request, f"{token.name or 'The token'} may post {rate:,} events a minute.", goto=reverse("me"))

    def _token(self, handle: str) -> ApiToken:
        rows: Any = ApiToken.objects.filter(user=self.user)
        found: ApiToken = self.find(rows, digest__startswith=handle)
        return found


class RevokeToken(SignedInView):
    """End a token at once."""

    def post(self, request: HttpRequest, handle: str) -> HttpResponse:
        rows: Any = ApiToken.objects.filter(user=self.user)
        token = self.find(rows, digest__startswith=handle)
        people.revoke_token(token=token, by=self.actor, now=self.now)
        return done(request, f"{token.name or 'The token'} is ended.", reload=True)


def _token(row: ApiToken, now: datetime) -> dict[str, Any]:
    scopes = row.scopes or [TokenScope.FULL]
    return {
        "name": row.name or "Without a name",
        "scopes": ", ".join(TokenScope(scope).label for scope in scopes if scope in TokenScope.values),
        "created_at": row.created,
        "expires_at": row.expiry,
        "is_ended": row.expiry is not None and row.expiry <= now,
        "used_at": row.last_used_at,
        "rate": f"{row.events_per_minute:,}",
        "rate_url": reverse("token-rate", args=[row.digest[:HANDLE]]),
        "revoke_url": reverse("token-revoke", args=[row.digest[:HANDLE]]),
    }
