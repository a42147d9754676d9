"""What an event is about in the library: a pull request or an issue under its repository, or the repository itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from triggers.sources.base import ItemRef
from triggers.sources.github.payload import Payload, names, number, part, version_of, word
from triggers.sources.text import clean, clean_line
from workspaces.enums import ItemKind

_LONGEST_STATE_TEXT = 20_000


@dataclass(frozen=True)
class Subject:
    """The item an event belongs to, what the payload says of its state, and how new that is."""

    item: ItemRef | None
    state: Mapping[str, Any] = field(default_factory=dict)
    upstream_version: str = ""


def subject_of(event: str, payload: Payload) -> Subject:
    """The most specific item that the payload names; none for what belongs to no repository."""
    repository = repository_of(payload)
    if repository is None:
        return Subject(None)
    pull, issue = part(payload, "pull_request"), part(payload, "issue")
    if number(pull, "number") is not None:
        return Subject(_numbered(ItemKind.PULL_REQUEST, pull, repository), pull_state(pull), version_of(pull))
    if number(issue, "number") is None:
        told = part(payload, "repository") if event == "repository" else {}
        return Subject(repository, repository_state(told), version_of(told))
    if part(issue, "pull_request"):
        # A comment on a pull request: GitHub shows the issue behind it, which knows less.
        return Subject(_numbered(ItemKind.PULL_REQUEST, issue, repository), issue_state(issue), version_of(issue))
    return Subject(_numbered(ItemKind.ISSUE, issue, repository), issue_state(issue), version_of(issue))


def repository_of(payload: Payload) -> ItemRef | None:
    """The repository, by its full name."""
    repository = part(payload, "repository")
    name = clean_line(word(repository, "full_name"))
    if not name:
        return None
    return ItemRef(ItemKind.REPOSITORY, name, title=name, url=web_address(repository))


def pull_state(pull: Payload) -> dict[str, Any]:
    """What a pull request's object says of its state."""
    return issue_state(pull) | {
        "status": pull_status(pull),
        "draft": pull.get("draft") is True,
        "head": clean_line(word(pull, "head", "ref")),
        "head_sha": clean_line(word(pull, "head", "sha")),
        "base": clean_line(word(pull, "base", "ref")),
        "reviewers": names(pull, "requested_reviewers", "login"),
    }


def issue_state(issue: Payload) -> dict[str, Any]:
    """What an issue's object (or the one behind a pull request) says of its state."""
    return {
        "status": pull_status(issue),
        "title": clean_line(word(issue, "title")),
        "text": clean(word(issue, "body"), _LONGEST_STATE_TEXT),
        "author": word(issue, "user", "login"),
        "assignee": word(issue, "assignee", "login"),
        "assignees": names(issue, "assignees", "login"),
        "labels": names(issue, "labels", "name"),
        "milestone": clean_line(word(issue, "milestone", "title")),
        "number": number(issue, "number"),
        "url": web_address(issue),
    }


def pull_status(thing: Payload) -> str:
    """open, draft, closed or merged."""
    is_merged = thing.get("merged") is True or thing.get("merged_at") or part(thing, "pull_request").get("merged_at")
    if is_merged:
        return "merged"
    status = word(thing, "state") or "open"
    return "draft" if status == "open" and thing.get("draft") is True else status


def repository_state(repository: Payload) -> dict[str, Any]:
    """What a repository event says of the repository; nothing is said where it is no repository event."""
    if not repository:
        return {}
    visibility = "private" if repository.get("private") is True else "public"
    return {
        "status": "archived" if repository.get("archived") is True else visibility,
        "title": clean_line(word(repository, "full_name")),
        "description": clean_line(word(repository, "description")),
        "default_branch": clean_line(word(repository, "default_branch")),
    }


def web_address(thing: Payload) -> str:
    """The address for people, where it is one that a browser may be sent to."""
    address = word(thing, "html_url")
    return address if address.startswith(("https://", "http://")) and len(address) <= 1000 else ""


def _numbered(kind: ItemKind, thing: Payload, repository: ItemRef) -> ItemRef:
    key = f"{repository.key}#{number(thing, 'number')}"
    return ItemRef(kind, key, title=clean_line(word(thing, "title")), url=web_address(thing), parent=repository)
