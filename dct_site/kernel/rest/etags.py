"""Entity tags: an update names the version it was made from; a second writer is told, instead of losing the first."""

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.request import Request


class PreconditionFailed(APIException):
    """The row has changed since the caller read it (RFC 9110, 13.1.1)."""

    status_code = 412
    default_code = "version_conflict"
    default_detail = "This was changed by somebody else meanwhile. Read it again and repeat your change."


def etag_of(row: Any) -> str:
    """The strong tag of a versioned row."""
    return f'"{row.pk}-{row.version}"'


def check_if_match(request: Request, row: Any) -> None:
    """Raise PreconditionFailed where the request names versions and the row's is not among them."""
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return
    if etag_of(row) not in {part.strip() for part in given.split(",")}:
        raise PreconditionFailed
