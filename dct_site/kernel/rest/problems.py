"""Errors as ``application/problem+json`` (RFC 9457): one shape for every error that the API gives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from dct_site.kernel.crypto import WrongKey
from dct_site.kernel.edits import EditConflict
from dct_site.kernel.moves import IllegalMove, LostRace

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong: a JSON pointer or field path, a stable code, a sentence."""

    path: str
    code: str
    message: str


@dataclass(frozen=True)
class Problem:
    """What RFC 9457 calls a problem; ``type`` is made of ``code``."""

    status: int
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, instance: str = "") -> dict[str, Any]:
        """The JSON object of the answer."""
        return {
            "type": f"/problems/{self.code.replace('_', '-')}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "instance": instance,
            "errors": [asdict(error) for error in self.errors],
        }


Mapper = Callable[[Any], Problem | None]
_mappers: dict[type[BaseException], Mapper] = {}


def register(kind: type[BaseException], mapper: Mapper) -> None:
    """Say which problem a domain exception (and what derives from it) is; a mapper gives None for a bug of ours."""
    _mappers[kind] = mapper


def problem_of(error: BaseException) -> Problem | None:
    """The problem that an exception is, or None where it is a bug of ours."""
    for kind in type(error).__mro__:
        if kind in _mappers:
            return _mappers[kind](error)
    return None


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: known exceptions become problems, unknown ones stay errors of ours (500)."""
    problem = problem_of(error)
    if problem is None:
        return None
    request = context.get("request")
    response = Response(problem.body(request.path if request is not None else ""), status=problem.status)
    response.content_type = MEDIA_TYPE
    for name, value in problem.headers:
        response[name] = value
    return response


def answer(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The same answer outside of DRF (404 of an unknown URL, 500)."""
    response = JsonResponse(problem.body(request.path), status=problem.status, content_type=MEDIA_TYPE)
    for name, value in problem.headers:
        response[name] = value
    return response


def _api_exception(error: exceptions.APIException) -> Problem:
    headers = []
    if getattr(error, "auth_header", None):
        headers.append(("WWW-Authenticate", str(error.auth_header)))  # type: ignore[attr-defined]
    return Problem(error.status_code, str(error.default_code), str(error.detail), headers=tuple(headers))


def _validation(error: exceptions.ValidationError) -> Problem:
    errors = tuple(_flatten(error.detail))
    told = in_one([f"{one.path}: {one.message}" if one.path else one.message for one in errors])
    return Problem(400, "invalid", told or "The request is not valid.", errors)


def in_one(messages: Sequence[str]) -> str:
    """The first sentences of many, and how many follow: the list itself stands in ``errors``."""
    more = len(messages) - TOLD
    return " ".join([*messages[:TOLD], *([f"And {more} more."] if more > 0 else [])])


def _flatten(detail: Any, path: str = "") -> Iterable[FieldError]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}".lstrip(".")
            yield from _flatten(inner, here)
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            yield from _flatten(inner, path if not isinstance(inner, Mapping | list) else f"{path}[{index}]")
    elif detail:
        yield FieldError(path, str(getattr(detail, "code", "invalid")), str(detail))


def _model_invalid(error: ModelInvalid) -> Problem:
    if hasattr(error, "error_dict"):
        errors = tuple(
            FieldError("" if name == "__all__" else name, str(one.code or "invalid"), " ".join(one.messages))
            for name, several in error.error_dict.items()
            for one in several
        )
    else:
        errors = tuple(FieldError("", str(error.code or "invalid"), message) for message in error.messages)
    return Problem(400, "invalid", in_one([one.message for one in errors]), errors)


TOLD = 3

SQLITE_GONE = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY")
POSTGRES_GONE = ("08", "53", "57P")
"""Classes of SQLSTATE: connection, resources, shutdown (https://www.postgresql.org/docs/15/errcodes-appendix.html)."""


def _database_gone(error: OperationalError | InterfaceError) -> Problem | None:
    """A database that cannot answer now; a statement that is wrong is a bug of ours, whatever it raises."""
    cause = error.__cause__
    code = getattr(cause, "sqlite_errorname", "") if hasattr(cause, "sqlite_errorname") else None
    gone = code.startswith(SQLITE_GONE) if code is not None else _is_postgres_gone(cause)
    if not gone:
        return None
    detail = "The database does not answer. Try again in a moment; if it stays, look into the log."
    return Problem(503, "database_gone", detail, headers=(("Retry-After", "2"),))


def _is_postgres_gone(cause: BaseException | None) -> bool:
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(POSTGRES_GONE)


register(OperationalError, _database_gone)
register(InterfaceError, _database_gone)
register(exceptions.APIException, _api_exception)
register(exceptions.ValidationError, _validation)
register(ModelInvalid, _model_invalid)
register(Http404, lambda _error: Problem(404, "not_found", "There is nothing here that you may see."))
register(PermissionDenied, lambda _error: Problem(403, "forbidden", "You may not do this."))
register(RequestDataTooBig, lambda _error: Problem(413, "too_large", "The request body is too large."))
register(EditConflict, lambda error: Problem(409, "version_conflict", str(error)))
register(LostRace, lambda _error: Problem(409, "lost_race", "It changed a moment ago. Read it again and try again."))
register(IllegalMove, lambda _error: Problem(409, "illegal_move", "Its status does not allow this. Read it again."))
register(WrongKey, lambda _error: Problem(503, "wrong_key", "The encryption key is not the one this was sealed with."))
