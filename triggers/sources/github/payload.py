"""Reading GitHub's payloads without trusting them: every value is taken only as the type it should have."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Payload = Mapping[str, Any]

OBJECTS: Mapping[str, str] = {
    "branch_protection_rule": "rule",
    "code_scanning_alert": "alert",
    "commit_comment": "comment",
    "dependabot_alert": "alert",
    "deploy_key": "key",
    "deployment_review": "workflow_run",
    "discussion_comment": "comment",
    "fork": "forkee",
    "issue_comment": "comment",
    "issues": "issue",
    "member": "member",
    "membership": "member",
    "org_block": "blocked_user",
    "organization": "membership",
    "page_build": "build",
    "pull_request_review": "review",
    "pull_request_review_comment": "comment",
    "pull_request_review_thread": "thread",
    "repository_vulnerability_alert": "alert",
    "secret_scanning_alert": "alert",
    "team_add": "team",
}
"""Under which name an event carries what it is about, where that is not the event's own."""


def part(value: Any, *path: str) -> Payload:
    """The object at a path; an empty one where there is none."""
    for name in path:
        # JSON's objects are dicts: to ask for a Mapping takes ten times as long.
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def word(value: Any, *path: str) -> str:
    """The text at a path; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def number(value: Any, *path: str) -> int | None:
    """The whole number at a path."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def names(value: Any, path: str, key: str) -> list[str]:
    """The texts under ``key`` of the objects in a list, sorted (the order means nothing upstream)."""
    found = value.get(path) if isinstance(value, dict) else None
    return sorted(filter(None, (word(entry, key) for entry in found))) if isinstance(found, list) else []


def object_of(event: str, payload: Payload) -> Payload:
    """What the event is about: the comment, the review, the issue…"""
    return part(payload, OBJECTS.get(event, event))


def moment(value: Any) -> datetime | None:
    """A time as GitHub writes it (ISO 8601, or seconds since 1970), in UTC."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, str):
            return None
        read = datetime.fromisoformat(value)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def version_of(thing: Payload) -> str:
    """A version that sorts as text, from the time of the last change; empty where there is none."""
    at = moment(thing.get("updated_at"))
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" if at else ""
