"""What the demo consists of, as data: Harbor Ferries, who sell and run ferry bookings."""

from typing import Any

from accounts.enums import Role

PEOPLE: tuple[tuple[str, Role], ...] = (
    ("casey", Role.CEO),
    ("sam", Role.SUPPORT),
    ("dana", Role.DEVELOPER),
)

REPOSITORY = "harbor/ferry-api"
REPOSITORY_URL = "https://github.com/harbor/ferry-api"
EXAMPLE_NUMBER = 482
"""The pull request that the README's curl line sends."""

GITHUB_CONNECTION = "GitHub, Harbor Ferries"
MAIL_CONNECTION = "Renewals mailbox"

BRIEF_NOTES = """# Notes for the reviewer

Written once for every pull request; the digest in `feedback/` says what this one is about.

* Bookings are money: a retry may never book twice.
* Prices come from the tariff service; do not cache them for longer than a minute.
* The crew app still speaks version 1 of the API.
"""

MAIL_NOTES = """# How we answer

* Answer within one working day, in the customer's words.
* A discount above 10 % needs Casey.
* Contracts run for a year, from the first of January.
"""

HEADINGS = "(?m)^## (What changed|Who and when)"


def brief_trigger(*, connection_id: int, template_id: int, profile_id: int) -> dict[str, Any]:
    """Every pull request gets a brief; no cooldown, so that whoever tries it sees each one."""
    return {
        "name": "Review brief for pull requests",
        "priority": 7,
        "listeners": [{"connection_id": connection_id, "listener_type": "webhook"}],
        "conditions": {
            "all": [
                {
                    "type": "field",
                    "config": {"path": "event.type", "operator": "prefix", "value": "github.pull_request."},
                }
            ]
        },
        "workspace": {
            "template_id": template_id,
            "title_pattern": "Brief for {item.title}",
            "context_refresh_mode": "triggering_item",
            "deploy": "auto",
        },
        "agent": {
            "profile_id": profile_id,
            "strategy": "fresh",
            "instructions": "Say what the pull request changes, who asks for it, and which questions are open.",
        },
        "deliverables": [
            {
                "name": "Review brief",
                "kind": "file_created",
                "target": "feedback/review-brief.md",
                "required": True,
                "rules": {"min_size": 200, "pattern": HEADINGS},
            }
        ],
        "limits": {"cooldown_s": 0, "max_attempts": 3, "deadline_s": 900},
    }


def release_trigger(*, item_id: int, template_id: int, profile_id: int) -> dict[str, Any]:
    """Release notes when a version tag is pushed; prepared as a draft that a person looks at first."""
    return {
        "name": "Release notes on a version tag",
        "priority": 4,
        "listeners": [{"context_item_id": item_id, "listener_type": "webhook"}],
        "conditions": {
            "all": [
                {"type": "field", "config": {"path": "event.type", "operator": "equals", "value": "github.create"}},
                {"type": "field", "config": {"path": "data.ref_type", "operator": "equals", "value": "tag"}},
                {"type": "field", "config": {"path": "data.ref", "operator": "glob", "value": "v*"}},
            ]
        },
        "workspace": {"template_id": template_id, "title_pattern": "Release notes {event.data.ref}", "deploy": "draft"},
        "agent": {"profile_id": profile_id, "strategy": "fresh"},
        "deliverables": [
            {
                "name": "Release notes",
                "kind": "file_created",
                "target": "feedback/release-notes.md",
                "required": True,
                "rules": {"min_size": 100},
            }
        ],
        "limits": {"cooldown_s": 60, "cooldown_policy": "skip"},
    }


def mail_trigger(*, connection_id: int, template_id: int, profile_id: int) -> dict[str, Any]:
    """Every mail to the mailbox gets a digest."""
    return {
        "name": "Digest of new mail",
        "priority": 6,
        "listeners": [{"connection_id": connection_id, "listener_type": "email", "polling_interval_ms": 2000}],
        "conditions": {"any": [{"type": "new_message", "config": {}}]},
        "workspace": {
            "template_id": template_id,
            "title_pattern": "Mail: {item.title}",
            "context_refresh_mode": "triggering_item",
            "deploy": "auto",
        },
        "agent": {
            "profile_id": profile_id,
            "strategy": "fresh",
            "instructions": "Say who writes, what they want, and which questions wait for an answer.",
        },
        "deliverables": [
            {
                "name": "Mail digest",
                "kind": "file_created",
                "target": "feedback/digest.md",
                "required": True,
                "rules": {"min_size": 200, "pattern": HEADINGS},
            }
        ],
        "limits": {"cooldown_s": 0, "max_attempts": 3, "deadline_s": 900},
    }
