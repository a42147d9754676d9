"""What the side bar shows: only pages that exist, only those the person may open."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from accounts.enums import Role
from accounts.models import User
from accounts.operations import Operation
from accounts.permissions import may
from dct_site.kernel.clock import utcnow
from triggers.enums import ExecutionStatus
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.health import HEALTH_STATES, health
from triggers.selectors.triggers import paused_by_dct

LIVE_URL = "/ws/status/"


@dataclass(frozen=True)
class Place:
    """One page of the side bar; ``operation`` is what one must be allowed to do to see it."""

    key: str
    label: str
    icon: str
    url_name: str
    operation: Operation = Operation.VIEW


PLACES: dict[str, tuple[Place, ...]] = {
    "Watch": (
        Place("library", "Library", "collection", "library"),
        Place("events", "Events", "broadcast", "events"),
        Place("deliveries", "Deliveries", "inboxes", "deliveries"),
        Place("triggers", "Triggers", "lightning-charge", "triggers"),
    ),
    "Work": (
        Place("inbox", "Needs you", "inbox", "inbox"),
        Place("executions", "Executions", "play-circle", "executions"),
        Place("workspaces", "Workspaces", "folder2", "workspaces"),
        Place("agents", "Agents", "robot", "agents"),
    ),
    "Run": (
        Place("status", "Status", "activity", "status"),
        Place("connections", "Connections", "plug", "connections"),
        Place("templates", "Templates", "box-seam", "templates"),
        Place("profiles", "Agent profiles", "people", "profiles"),
        Place("audit", "Audit", "shield-check", "audit", Operation.READ_AUDIT),
        Place("admin", "Admin", "gear", "admin:index", Operation.FLIP_TOGGLES),
    ),
}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every page; nothing is asked of the database unless the page draws it."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    now = utcnow()
    return {"nav": SimpleLazyObject(lambda: _places(user)), "shell": SimpleLazyObject(lambda: _shell(user)), "now": now}


def _places(user: User) -> list[dict[str, Any]]:
    groups = []
    for name, places in PLACES.items():
        items = [_item(place, user) for place in places if may(user, place.operation) and _url(place.url_name)]
        if items:
            groups.append({"group": name, "items": items})
    return groups


def _item(place: Place, user: User) -> dict[str, Any]:
    item: dict[str, Any] = {
        "key": place.key,
        "label": place.label,
        "icon": place.icon,
        "url": _url(place.url_name),
    }
    if place.key == "inbox":
        waiting = executions_visible_to(user=user).filter(status=ExecutionStatus.NEEDS_ATTENTION)
        item |= {"count": waiting.count() + paused_by_dct(user=user).count(), "hot": True}
    return item


def _shell(user: User) -> dict[str, Any]:
    return {
        "home_url": reverse("library"),
        "live_url": LIVE_URL,
        "logout_url": reverse("logout"),
        "jump_url": _url("jump"),
        "health": SimpleLazyObject(_health) if _url("status") else None,
        "person": {"name": user.get_username(), "role": _role(user), "url": _url("me")},
    }


def _role(user: User) -> str:
    return "Superuser" if user.is_superuser else Role(user.role).label


def _health() -> dict[str, str]:
    found = health(now=utcnow())
    count = len(found.reasons)
    words = {"healthy": "Healthy", "warning": "Warning", "error": "Error"}[found.state]
    if found.state != HEALTH_STATES[0]:
        words = f"{words}, {count} reason{'' if count == 1 else 's'}"
    return {"state": found.state, "words": words, "url": _url("status")}


def _url(name: str) -> str:
    """The address of a page, or "" where this installation has no such page."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
