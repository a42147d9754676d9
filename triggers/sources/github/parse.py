"""Turns one GitHub webhook into one event. Pure.

Every event of GitHub's catalogue that is about something becomes an event: of a pull request or an issue where it names
one, else of the repository, else of the connection alone. What its type is called: ``github.{event}.{action}``.
"""

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from triggers.conditions.facts import ChangePath, Kind
from triggers.enums import Refusal
from triggers.sources.base import ParsedEvent, RawDelivery, Refused
from triggers.sources.body import read_object
from triggers.sources.github.changes import changes_of
from triggers.sources.github.items import Subject, subject_of
from triggers.sources.github.payload import Payload, moment, number, object_of, part, word
from triggers.sources.text import clean, clean_line, mentions

_NAME = re.compile(r"[a-z0-9_-]{1,60}\Z")
_ABOUT_THE_HOOK = frozenset({"ping"})
_TALK = frozenset({"issue_comment", "commit_comment", "discussion_comment", "pull_request_review_comment"})
_CHANGES_ITS_ITEM = frozenset({"pull_request", "issues", "pull_request_target"})
_TIMES = ("updated_at", "submitted_at", "completed_at", "published_at", "created_at")
_HAPPENS_ONCE = frozenset({"opened", "created", "submitted", "deleted"})
_DETAILS = ("label", "assignee", "requested_reviewer", "requested_team", "milestone")
_MOST_COMMITS = 50


def parse(raw: RawDelivery) -> list[ParsedEvent]:
    """The event of a delivery. Raises Refused for what is no event of GitHub's, or only about the webhook itself."""
    event = raw.headers.get("x-github-event", "").strip().lower()
    if not _NAME.match(event):
        raise Refused(Refusal.NOT_UNDERSTOOD, "There is no X-GitHub-Event header that names an event.")
    payload = read_object(raw)
    if event in _ABOUT_THE_HOOK:
        raise Refused(Refusal.NOT_SUPPORTED, "A ping is about the webhook itself: nothing changed.")
    action = word(payload, "action")
    action = action if _NAME.match(action) else ""
    about, subject = object_of(event, payload), subject_of(event, payload)
    changes = changes_of(payload, subject.state) if event in _CHANGES_ITS_ITEM else {}
    text = text_of(event, payload)
    named = mentions(text)
    facts: dict[str, Any] = {
        "title": clean_line(title_of(event, payload, subject)),
        "text": text,
        "kinds": [str(kind) for kind in kinds_of(event, action, changes, bool(named), bool(text))],
        "mentions": named,
        "is_reply": is_reply(event, about),
    }
    return [
        ParsedEvent(
            external_id=raw.headers.get("x-github-delivery", "")[:300] or hashlib.sha256(raw.body).hexdigest(),
            type=f"github.{event}.{action}" if action else f"github.{event}",
            time=time_of(payload, about) or raw.received_at,
            subject=_subject(payload, subject),
            actor=clean_line(word(payload, "sender", "login") or word(payload, "pusher", "name")),
            facts=facts,
            data=payload,
            item=subject.item,
            state=subject.state,
            upstream_version=subject.upstream_version,
            change_key=change_key_of(event, action, payload, about),
            changes=changes,
        )
    ]


def kinds_of(event: str, action: str, changes: dict[str, list[Any]], has_mentions: bool, has_text: bool) -> list[Kind]:
    """The event in the words that all sources share."""
    is_talk = (event in _TALK and action == "created") or (
        event == "pull_request_review" and action == "submitted" and has_text
    )
    found = {
        Kind.CREATED: event == "create" or (action in {"opened", "created", "published"} and event not in _TALK),
        Kind.UPDATED: event in _CHANGES_ITS_ITEM and action != "opened",
        Kind.STATUS_CHANGE: ChangePath.STATUS in changes,
        Kind.COMMENT: is_talk,
        Kind.ASSIGNMENT: ChangePath.ASSIGNEE in changes,
        Kind.MENTION: has_mentions,
        Kind.PUSH: event == "push" or action == "synchronize",
    }
    return [kind for kind, holds in found.items() if holds]


def is_reply(event: str, about: Payload) -> bool:
    """Whether a comment answers another one, as far as GitHub tells."""
    answered = number(about, "in_reply_to_id") or number(about, "parent_id")
    return event in {"pull_request_review_comment", "discussion_comment"} and answered is not None


def text_of(event: str, payload: Payload) -> str:
    """What somebody wrote."""
    if event == "push":
        commits = payload.get("commits")
        listed = commits[:_MOST_COMMITS] if isinstance(commits, list) else []
        return "\n\n".join(filter(None, (clean(word(commit, "message")) for commit in listed)))
    about = object_of(event, payload)
    return clean(word(about, "body") or word(about, "description") or word(payload, "description"))


def title_of(event: str, payload: Payload, subject: Subject) -> str:
    """The headline: the item's own, or that of the object."""
    if subject.item is not None and subject.item.parent is not None:
        return subject.item.title
    about = object_of(event, payload)
    if event == "push":
        return (word(payload, "head_commit", "message").splitlines() or [word(payload, "ref")])[0]
    return (
        word(about, "title")
        or word(about, "name")
        or word(payload, "ref")
        or (subject.item.title if subject.item is not None else "")
    )


def time_of(payload: Payload, about: Payload) -> datetime | None:
    """When it happened, by GitHub's clock."""
    for name in _TIMES:
        if (at := moment(about.get(name))) is not None:
            return at
    pushed = part(payload, "repository").get("pushed_at") if "pusher" in payload else None
    return moment(pushed) or moment(payload.get("starred_at")) or moment(payload.get("created_at"))


def change_key_of(event: str, action: str, payload: Payload, about: Payload) -> str:
    """The change by its meaning, the same through a repository's and an organisation's webhook.

    Empty where the payload does not tell one change from the next of its kind: losing an event is worse than seeing it
    twice.
    """
    where = number(payload, "repository", "id") or word(payload, "organization", "login")
    if event == "push":
        return f"{where}:push:{word(payload, 'ref')}:{word(payload, 'before')}:{word(payload, 'after')}"[:300]
    if event == "status":
        return f"{where}:status:{number(payload, 'id')}" if number(payload, "id") else ""
    identity, updated = number(about, "id"), word(about, "updated_at")
    if identity is None or not where or not (updated or action in _HAPPENS_ONCE):
        return ""
    return f"{where}:{event}:{identity}:{action}:{updated}:{_detail(payload)}"[:300]


def _detail(payload: Payload) -> str:
    """Tells apart what happens to one thing within one second: two labels, two edits."""
    named = [payload[name] for name in (*_DETAILS, "changes", "before", "after") if name in payload]
    if not named:
        return ""
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def _subject(payload: Payload, subject: Subject) -> str:
    if subject.item is None:
        return clean_line(word(payload, "organization", "login") or word(payload, "sender", "login"))
    return subject.item.key[:500]
