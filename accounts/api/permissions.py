"""The permission rule at the API: every action names its operation; an action that names none is denied."""

from typing import TYPE_CHECKING, Any, Protocol, cast

from django.db.models import Model
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.api.authentication import token_of
from accounts.enums import TokenScope
from accounts.operations import Operation
from accounts.permissions import Answer, Code, Denied, may
from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import Problem

if TYPE_CHECKING:
    # DRF reads its settings, and so this module, while it makes APIView.
    from rest_framework.views import APIView

# Operations that a narrow token may be made for; every other one needs a full token.
_SCOPES = {Operation.POST_EVENTS: TokenScope.EVENTS, Operation.METRICS: TokenScope.METRICS}
_STATUS = {Code.NOT_SIGNED_IN: 401, Code.NOT_VISIBLE: 404, Code.FORBIDDEN: 403, Code.FEATURE_DISABLED: 403}


class HasOperations(Protocol):
    """A view that says which operation each of its actions (or HTTP methods) is."""

    operations: dict[str, Operation]


def denied_problem(error: Denied) -> Problem:
    """The problem of a denial: 401, 403 or 404."""
    answer = error.answer
    headers = (("WWW-Authenticate", "Bearer"),) if answer.code is Code.NOT_SIGNED_IN else ()
    return Problem(_STATUS[answer.code], answer.code.value, answer.detail, headers=headers)


problems.register(Denied, denied_problem)


def operation_of(view: Any, request: Request) -> Operation | None:
    """The operation of the action that is called, or None when the view does not know it."""
    name = getattr(view, "action", None) or (request.method or "").lower()
    return cast(HasOperations, view).operations.get(name) if hasattr(view, "operations") else None


def _has_no_such_method(view: Any, request: Request) -> bool:
    """Whether the address knows no such method: then the answer is 405 and not "you may not"."""
    if hasattr(view, "action_map"):
        return view.action in (None, "metadata")
    return request.method == "OPTIONS" or not hasattr(view, (request.method or "").lower())


class OperationPermission(BasePermission):
    """Asks ``accounts.permissions.may`` for the call and again for each object; raises the denial with its reason."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            _raise_unless(may(cast(Any, request.user), Operation.VIEW))
        if _has_no_such_method(view, request):
            raise MethodNotAllowed(request.method or "")
        operation = operation_of(view, request)
        if operation is None:
            return False
        token = token_of(request)
        if token is not None and not token.allows(_SCOPES.get(operation, TokenScope.FULL)):
            raise Denied(
                Answer(allowed=False, code=Code.FORBIDDEN, detail="This token's scope does not cover this call.")
            )
        _raise_unless(may(cast(Any, request.user), operation))
        return True

    def has_object_permission(self, request: Request, view: "APIView", obj: Model) -> bool:
        operation = operation_of(view, request)
        if operation is None:
            return False
        _raise_unless(may(cast(Any, request.user), operation, obj))
        return True


def _raise_unless(answer: Answer) -> None:
    if not answer:
        raise Denied(answer)
