"""From what to what: the changes that an action says of itself, so that they hold whenever the event is looked at."""

from collections.abc import Callable, Mapping
from typing import Any

from triggers.conditions.facts import ChangePath
from triggers.sources.github.payload import Payload, names, part, word
from triggers.sources.text import clean, clean_line

Changes = dict[str, list[Any]]

_EDITED = {"title": ChangePath.TITLE, "body": "text", "name": "name", "description": "description"}


def changes_of(payload: Payload, state: Mapping[str, Any]) -> Changes:
    """{path: [before, after]} of an event on a pull request or an issue; ``state`` is the one after it.

    Only what the event says of itself: what else differs is another event's to report, or a comment would close issues.
    """
    action = word(payload, "action")
    said = _BY_ACTION.get(action, _nothing)(payload, state)
    return {**_edited(payload, state), **said}


def _edited(payload: Payload, state: Mapping[str, Any]) -> Changes:
    found: Changes = {}
    changes = part(payload, "changes")
    for name, path in _EDITED.items():
        if isinstance(part(changes, name).get("from"), str):
            found[path] = [clean(word(changes, name, "from")), state.get(path, "")]
    if isinstance(part(changes, "base", "ref").get("from"), str):
        found["base"] = [clean_line(word(changes, "base", "ref", "from")), state.get("base", "")]
    return found


def _status(before: str) -> Callable[[Payload, Mapping[str, Any]], Changes]:
    def said(_payload: Payload, state: Mapping[str, Any]) -> Changes:
        return {ChangePath.STATUS: [before, state.get("status", "")]}

    return said


def _labels(*, is_new: bool) -> Callable[[Payload, Mapping[str, Any]], Changes]:
    def said(payload: Payload, state: Mapping[str, Any]) -> Changes:
        after = list(state.get("labels", []))
        label = word(payload, "label", "name")
        before = [name for name in after if name != label] if is_new else sorted({*after, label})
        return {ChangePath.LABELS: [before, after]}

    return said


def _assigned(payload: Payload, state: Mapping[str, Any]) -> Changes:
    who = word(payload, "assignee", "login")
    others = [name for name in state.get("assignees", []) if name != who]
    return {
        ChangePath.ASSIGNEE: [others[0] if others else "", who],
        "assignees": [others, sorted({*others, who})],
    }


def _unassigned(payload: Payload, state: Mapping[str, Any]) -> Changes:
    who, left = word(payload, "assignee", "login"), list(state.get("assignees", []))
    return {
        ChangePath.ASSIGNEE: [who, state.get("assignee", "")],
        "assignees": [sorted({*left, who}), left],
    }


def _reviewers(*, is_new: bool) -> Callable[[Payload, Mapping[str, Any]], Changes]:
    def said(payload: Payload, state: Mapping[str, Any]) -> Changes:
        after = list(state.get("reviewers") or names(part(payload, "pull_request"), "requested_reviewers", "login"))
        who = word(payload, "requested_reviewer", "login")
        if not who:
            return {}
        return {"reviewers": [[name for name in after if name != who] if is_new else sorted({*after, who}), after]}

    return said


def _milestone(payload: Payload, state: Mapping[str, Any]) -> Changes:
    title = clean_line(word(payload, "milestone", "title"))
    after = state.get("milestone", "")
    return {"milestone": ["" if after else title, after]}


def _commits(payload: Payload, state: Mapping[str, Any]) -> Changes:
    return {"head_sha": [word(payload, "before"), word(payload, "after") or state.get("head_sha", "")]}


def _locked(payload: Payload, _state: Mapping[str, Any]) -> Changes:
    is_locked = word(payload, "action") == "locked"
    return {"locked": [not is_locked, is_locked]}


def _nothing(_payload: Payload, _state: Mapping[str, Any]) -> Changes:
    return {}


_BY_ACTION: Mapping[str, Callable[[Payload, Mapping[str, Any]], Changes]] = {
    "closed": _status("open"),
    "reopened": _status("closed"),
    "converted_to_draft": _status("open"),
    "ready_for_review": _status("draft"),
    "labeled": _labels(is_new=True),
    "unlabeled": _labels(is_new=False),
    "assigned": _assigned,
    "unassigned": _unassigned,
    "review_requested": _reviewers(is_new=True),
    "review_request_removed": _reviewers(is_new=False),
    "milestoned": _milestone,
    "demilestoned": _milestone,
    "synchronize": _commits,
    "locked": _locked,
    "unlocked": _locked,
}
