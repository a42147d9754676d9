"""What a page answers to an action: a toast, somewhere to go, a fragment, or why nothing was changed."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from dct_site.kernel.rest.problems import Problem, answer

_LEVELS = {"bad": messages.ERROR, "warn": messages.WARNING}


def is_htmx(request: HttpRequest) -> bool:
    """Whether a script asked and will put the answer into the page."""
    return request.headers.get("HX-Request") == "true"


def done(
    request: HttpRequest,
    text: str,
    *,
    tone: str = "good",
    undo: str = "",
    see: str = "",
    goto: str = "",
    reload: bool = False,
    close: bool = False,
) -> HttpResponse:
    """It worked: say so. ``goto`` is the page to open then, ``reload`` draws the present one again, ``close`` closes
    the modal; ``undo`` is the address that takes it back, ``see`` that of what came of it.

    Without a script it is a redirect to ``goto``, or to where the person came from. A form that was opened on a page of
    its own has no modal to close: it leads to ``see``, so that it is not sent again.
    """
    if close and not goto and _is_page(request):
        goto = see
    if not is_htmx(request):
        messages.add_message(request, _LEVELS.get(tone, messages.SUCCESS), text)
        return HttpResponseRedirect(goto or came_from(request))
    response = HttpResponse(status=204)
    if goto or reload:
        # The page that is drawn next tells it: a toast of this one would be gone at once.
        messages.add_message(request, _LEVELS.get(tone, messages.SUCCESS), text)
        response["HX-Redirect" if goto else "HX-Refresh"] = goto or "true"
        return response
    return with_toast(response, text, tone=tone, undo=undo, see=see, close=close)


def with_toast(
    response: HttpResponse, text: str, *, tone: str = "good", undo: str = "", see: str = "", close: bool = False
) -> HttpResponse:
    """The response, with a toast beside whatever fragment it carries."""
    ways = {name: url for name, url in (("undo", undo), ("see", see)) if url}
    told: dict[str, Any] = {"toast": {"tone": tone, "text": text, **ways}}
    if close:
        told["dct:close-modal"] = True
    # ASCII with escapes: a header holds nothing else.
    response["HX-Trigger"] = json.dumps(told, ensure_ascii=True)
    return response


def fragment(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """A part of a page; 422 is a form whose fields need a look."""
    return render(request, template, dict(context), status=status)


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Nothing was changed, and why: a problem for scripts, a notice on the page one came from otherwise."""
    if is_htmx(request):
        return answer(request, problem)
    messages.error(request, problem.detail)
    return HttpResponseRedirect(came_from(request))


def page_of(request: HttpRequest) -> str:
    """The path of the page that the request was made on, with its query; empty where that is not told, or not ours."""
    told = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(told, {request.get_host()}, require_https=request.is_secure()):
        return ""
    at = urlsplit(told)
    return urlunsplit(("", "", at.path, at.query, ""))


def _is_page(request: HttpRequest) -> bool:
    """Whether the form that was sent is a whole page, at the address that it posts to."""
    return urlsplit(page_of(request)).path == request.path


def came_from(request: HttpRequest) -> str:
    """The page of this site that the request came from, or the library."""
    referer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return referer if is_ours else "/"
