"""Signing in and out; too many wrong passwords lock the pair of name and address for a while."""

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class SignIn(LoginView):
    """The sign-in page."""

    redirect_authenticated_user = True
    # Django's own default, said here because the template is the design's.
    template_name = "registration/login.html"


class SignOut(LogoutView):
    """Ends the session; a POST, so that no link of another site can do it."""

    http_method_names = ("post", "options")


def locked_out(request: HttpRequest, _credentials: Any = None, *_args: Any, **_kwargs: Any) -> HttpResponse:
    """What somebody sees after too many wrong passwords."""
    return render(request, "registration/locked.html", status=429)
