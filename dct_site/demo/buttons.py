"""Lets the demo's simulators write at the press of a button: a pull request, a mail."""

import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from accounts.operations import Operation
from accounts.views.answers import done, refused
from accounts.views.base import SignedInView
from dct_site.kernel.rest.problems import Problem
from dct_site.simulators import demo, github, mail

PULL_REQUEST, MAIL = "pull-request", "mail"


class DemoSend(SignedInView):
    """One test pull request or mail. A 404 where no demo runs."""

    operation = Operation.FIRE

    def post(self, request: HttpRequest, what: str) -> HttpResponse:
        try:
            told = demo.read(Path(settings.DCT_DATA_DIR))
        except demo.NoDemo as no_demo:
            raise Http404 from no_demo
        try:
            text = {PULL_REQUEST: self._pull_request, MAIL: self._mail}[what](told)
        except KeyError as unknown:
            raise Http404 from unknown
        except (github.NotPosted, mail.NotSent) as failed:
            return refused(request, Problem(HTTPStatus.BAD_GATEWAY, "not_sent", str(failed)))
        return done(request, text)

    def _pull_request(self, told: dict[str, Any]) -> str:
        if not told.get("github_webhook_url"):
            raise github.NotPosted("The demo has no webhook yet: wait until it is ready.")
        number = secrets.randbelow(90_000) + 10_000
        body = github.body_of("pull_request", number=number, now=self.now)
        posted = github.post(url=told["github_webhook_url"], secret=told["github_webhook_secret"], body=body)
        if posted.status != HTTPStatus.ACCEPTED:
            raise github.NotPosted(f"The door answered {posted.status}.")
        return f"Pull request #{number} was sent. The card changes when it is decided."

    def _mail(self, told: dict[str, Any]) -> str:
        nested = told.get("mail") if isinstance(told.get("mail"), dict) else {}
        port, to = (told.get(name) or (nested or {}).get(name) for name in ("smtp", "address"))
        if not port or not to:
            raise mail.NotSent("The demo's mail server is not there yet: wait until it is ready.")
        mail.send(
            smtp_host="127.0.0.1",
            port=int(port),
            sender=mail.SENDER,
            to=str(to),
            subject=mail.SUBJECT,
            text=mail.TEXT,
            now=self.now,
        )
        return "A mail was sent. The card changes with the next poll."
