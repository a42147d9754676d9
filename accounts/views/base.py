"""What every page is built on: signed in, told the time, permission first, known refusals answered at their place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import View

from accounts.actor import Actor
from accounts.enums import Via
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import Code, Denied, may, require
from accounts.views.answers import fragment, is_htmx, page_of, refused
from dct_site.kernel.clock import utcnow
from dct_site.kernel.rest.problems import Problem, answer, problem_of

Row = TypeVar("Row", bound=Model)


class SignedInView(View):
    """A view for people who are signed in. ``operation`` is asked for before anything else, where it is set.

    A Denied that is raised anywhere below becomes a redirect to sign in, a 404 (not visible) or a 403; an exception
    that has a problem registered (LostRace, EditConflict, …) is answered by its sentence.
    """

    operation: ClassVar[Operation | None] = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self._sign_in(request)
        self.now: datetime = utcnow()
        try:
            if self.operation is not None:
                self.require(self.operation)
            return super().dispatch(request, *args, **kwargs)
        except Denied as denied:
            return self._denied(request, denied)
        except (Http404, PermissionDenied):
            raise
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            return refused(request, problem)

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    @property
    def actor(self) -> Actor:
        return Actor.person(self.user, Via.PAGE)

    def may(self, operation: Operation, obj: Model | None = None) -> bool:
        return bool(may(self.user, operation, obj))

    def require(self, operation: Operation, obj: Model | None = None) -> None:
        """Raise Denied unless the person may do it."""
        require(self.user, operation, obj)

    def find(self, rows: QuerySet[Row], **by: Any) -> Row:
        """The one row of ``rows`` (those that the person may see); a 404 otherwise."""
        row = rows.filter(**by).first()
        if row is None:
            raise Http404
        return row

    def _sign_in(self, request: HttpRequest) -> HttpResponseBase:
        if is_htmx(request):
            # A redirect would be followed by the script and the sign-in page drawn into a fragment.
            if request.method == "POST":
                messages.warning(request, "You were signed out, so your last change is not stored.")
            return HttpResponse(status=204, headers={"HX-Redirect": redirect_to_login(page_of(request) or "/").url})
        return redirect_to_login(request.get_full_path())

    def _denied(self, request: HttpRequest, denied: Denied) -> HttpResponseBase:
        told = denied.answer
        if told.code == Code.NOT_SIGNED_IN:
            return self._sign_in(request)
        if told.code == Code.NOT_VISIBLE:
            raise Http404
        if is_htmx(request):
            return answer(request, Problem(403, str(told.code), told.detail))
        raise PermissionDenied(told.detail)


class PageView(SignedInView):
    """A page. ``page`` is its key in the navigation, ``template_name`` the whole, ``parts`` its live fragments.

    ``context(**url arguments)`` gives the names that the template expects; ``?part=name`` answers that part alone.
    """

    page: ClassVar[str] = ""
    template_name: ClassVar[str] = ""
    parts: ClassVar[Mapping[str, str]] = {}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """What the template expects; looks rows up through the visibility selectors."""
        return {}

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        part = request.GET.get("part")
        if part is not None and part not in self.parts:
            raise Http404
        return self.draw(self.context(**kwargs), template=self.parts[part] if part is not None else "")

    def draw(self, context: Mapping[str, Any], *, template: str = "", status: int = 200) -> HttpResponse:
        """The page (or another template) with this context; 422 where a form needs a look."""
        return fragment(self.request, template or self.template_name, {"page": self.page, **context}, status=status)
