"""Pages of a list cut by the values of its order, never by numbers: rows that come in do not shift what one reads."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Field, Model, Q, QuerySet
from django.http import Http404, HttpRequest

Row = TypeVar("Row", bound=Model)
OLDER, NEWER = "older", "newer"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of one page in the list's order, and ``pager`` for ``components/pager.html``."""

    rows: list[Row]
    pager: dict[str, str]


def with_query(request: HttpRequest, **changes: object) -> str:
    """This page's address with some parameters changed (None takes one out); a change starts the list again."""
    query = request.GET.copy()
    for name in (OLDER, NEWER, "part"):
        query.pop(name, None)
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def keyset_page(
    rows: QuerySet[Row], *, request: HttpRequest, size: int = 50, order: Sequence[str] = ("-id",), words: str = ""
) -> Page[Row]:
    """One page of ``rows``. ``order`` names columns (or annotations) that are never null, the last one unique.

    Reads ``?older=`` and ``?newer=`` from the request; an address that is not one of this list is a 404.
    """
    columns = [(name.removeprefix("-"), name.startswith("-")) for name in order]
    after, before = request.GET.get(OLDER), request.GET.get(NEWER)
    mark = _decode(after or before, rows, columns) if after or before else None
    back = bool(before and not after)
    ordered = rows.order_by(*(_turned(name) if back else name for name in order))
    if mark is not None:
        ordered = ordered.filter(_beyond(columns, mark, back=back))
    found = list(ordered[: size + 1])
    has_more = len(found) > size
    shown = found[:size]
    if back:
        shown.reverse()
    has_older, has_newer = (True, has_more) if back else (has_more, mark is not None)
    pager = {"words": words or f"{len(shown)} shown", "newer_url": "", "older_url": ""}
    if shown and has_older:
        pager["older_url"] = with_query(request, **{OLDER: _encode(shown[-1], columns)})
    if shown and has_newer:
        pager["newer_url"] = with_query(request, **{NEWER: _encode(shown[0], columns)})
    return Page(shown, pager)


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(columns: Sequence[tuple[str, bool]], mark: Sequence[Any], *, back: bool) -> Q:
    """Rows behind the mark: the first column differs, or it is the same and the next one differs, and so on."""
    found, same = Q(pk__in=[]), Q()
    for (name, is_descending), value in zip(columns, mark, strict=True):
        side = "lt" if is_descending != back else "gt"
        found |= same & Q(**{f"{name}__{side}": value})
        same &= Q(**{name: value})
    return found


def _encode(row: Model, columns: Sequence[tuple[str, bool]]) -> str:
    text = json.dumps([getattr(row, name) for name, _ in columns], cls=_Exact)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str | None, rows: QuerySet[Any], columns: Sequence[tuple[str, bool]]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            raise Http404
        mark = [_field(rows, name).to_python(value) for (name, _), value in zip(columns, values, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error, ValidationError) as wrong:
        raise Http404 from wrong
    if any(value is None or (isinstance(value, int) and abs(value) >= 2**63) for value in mark):
        raise Http404
    return mark


def _field(rows: QuerySet[Any], name: str) -> "Field[Any, Any]":
    annotations: Mapping[str, Any] = rows.query.annotations
    found: Any = annotations[name].output_field if name in annotations else rows.model._meta.get_field(name)
    return cast("Field[Any, Any]", found)


class _Exact(DjangoJSONEncoder):
    """Times with all their digits: cut to milliseconds, rows of one millisecond would be skipped or shown twice."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)
