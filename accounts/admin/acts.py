"""Actions on several rows at once: each row through its service, one sentence of report."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.enums import Via
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.clock import utcnow
from dct_site.kernel.rest.problems import problem_of

if TYPE_CHECKING:
    from accounts.admin.base import RoleAdmin

MOST_ROWS = 200
Do = Callable[[Any, Actor, datetime], bool]


def act(label: str, operation: Operation, do: Do, *, done: str, already: str = "") -> Any:
    """An action of a ``RoleAdmin``. ``do(row, by, now)`` calls the service and says whether anything changed;
    ``done`` and ``already`` are the words of the report ("paused", "already paused").
    """

    def action(page: "RoleAdmin", request: HttpRequest, rows: QuerySet[Any]) -> None:
        chosen = list(rows[: MOST_ROWS + 1])
        if len(chosen) > MOST_ROWS:
            page.message_user(request, f"Choose at most {MOST_ROWS} rows at a time.", messages.ERROR)
            return
        # In this order the report names them.
        counts: Counter[str] = Counter({done: 0, already or f"already {done}": 0})
        refusals: Counter[str] = Counter()
        for row in chosen:
            refused = _one(row, cast(User, request.user), operation, do, counts, (done, already or f"already {done}"))
            refusals.update([refused] if refused else [])
        _report(page, request, counts, refusals)

    action.short_description = label  # type: ignore[attr-defined]
    action.operation = operation  # type: ignore[attr-defined]
    action.__name__ = label.lower().replace(" ", "_").replace("'", "")
    return action


def _one(row: Model, user: User, operation: Operation, do: Do, counts: Counter[str], words: tuple[str, str]) -> str:
    """Do it to one row; the reason where it was refused."""
    told = may(user, operation, row)
    if not told:
        return told.detail
    try:
        is_changed = do(row, Actor.person(user, Via.ADMIN), utcnow())
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return problem.detail
    counts[words[0] if is_changed else words[1]] += 1
    return ""


def _report(page: "RoleAdmin", request: HttpRequest, counts: Counter[str], refusals: Counter[str]) -> None:
    if counts.total():
        words = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        page.message_user(request, f"{words}.")
    for reason, count in refusals.items():
        page.message_user(request, f"{count} not: {reason}", messages.WARNING)


def changes(service: Callable[..., Any], name: str, **more: Any) -> Do:
    """A ``do`` for services that take the row as ``name`` and give it back: changed is one whose status moved."""

    def do(row: Any, by: Actor, now: datetime) -> bool:
        before = row.status
        after = service(**{name: row}, by=by, now=now, **more)
        return bool(after.status != before)

    return do
