"""What was typed into the trigger editor, read back into a draft. Nothing typed is lost: what is no number stays text,
and the checks of the document say so.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from agents.enums import Criterion
from dct_site.kernel import safe_json
from dct_site.kernel.safe_json import UnsafeJson
from triggers.conditions.schema import Problem
from triggers.documents.budget import MONEY_FIELDS
from triggers.documents.shape import MAX_DOCUMENT_BYTES
from triggers.services.validation import InvalidDocument
from triggers.views import editor_rules
from triggers.views.editor_forms import DEFAULTS, DELIVERABLES, listener_key

MOST_DELIVERABLES = 50
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}\Z")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?\Z")
_LIMITS = (
    *("cooldown_s", "rate_limit", "rate_window_s", "storm_limit", "max_queued", "max_concurrent", "max_attempts"),
    *("max_concurrent_per_item", "max_per_hour", "max_per_day", "deadline_s", "expires_s", "stale_after_s"),
    *("debounce_s", "debounce_max_s", "batch_s", "batch_size"),
    *("budget_runs", "budget_tokens", "max_tokens_per_run"),
)
_POLICIES = ("cooldown_policy", "cooldown_by", "batch_by", "overlap", "queue_policy", "budget_window", "late")
_RULES = ("min_size", "max_size")


def document_from(posted: QueryDict, *, draft: Mapping[str, Any]) -> dict[str, Any]:
    """The draft with everything that the editor posted; what the editor has no field for stays as it was.

    Raises InvalidDocument for conditions, or a schema, that are no JSON.
    """
    priority = {name: value for name, value in draft.items() if name == "priority"}
    _choose(priority, "priority", _whole(posted.get("general-priority", "")), DEFAULTS["general"])
    return {
        **draft,
        **priority,
        "name": posted.get("general-name", "").strip(),
        "listeners": _listeners(posted.getlist("general-listeners"), draft),
        "conditions": _conditions(posted.get("conditions", ""), draft),
        "workspace": _workspace(posted, draft),
        "agent": _agent(posted, draft),
        "deliverables": _deliverables(posted, draft),
        "limits": _limits(posted, draft),
    }


def _conditions(text: str, draft: Mapping[str, Any]) -> Any:
    if not text:
        return draft.get("conditions")
    try:
        return safe_json.loads(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_DOCUMENT_BYTES)
    except UnsafeJson as unsafe:
        raise InvalidDocument([Problem("conditions", unsafe.reason, unsafe.about("This"))]) from unsafe


def _listeners(keys: list[str], draft: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The chosen ones; one that was chosen before keeps what else it says (its interval)."""
    parts = draft.get("listeners")
    before = {listener_key(part): part for part in (parts if isinstance(parts, list) else ()) if isinstance(part, dict)}
    found = []
    for key in dict.fromkeys(keys):
        kind, _, number = key.partition(":")
        if key in before:
            found.append(dict(before[key]))
        elif kind in {"item", "connection"} and _WHOLE.match(number):
            found.append({"context_item_id" if kind == "item" else "connection_id": int(number)})
    return found


def _workspace(posted: QueryDict, draft: Mapping[str, Any]) -> dict[str, Any]:
    part = {**_mapping(draft, "workspace"), "template_id": _whole(posted.get("workspace-template_id", ""))}
    _choose(part, "deploy", posted.get("workspace-deploy"), DEFAULTS["workspace"])
    for name in ("title_pattern", "context_refresh_mode"):
        _set(part, name, posted.get(f"workspace-{name}", ""))
    return part


def _agent(posted: QueryDict, draft: Mapping[str, Any]) -> dict[str, Any]:
    part = {**_mapping(draft, "agent"), "profile_id": _whole(posted.get("agent-profile_id", ""))}
    if "agent-strategy" in posted:  # with it, no box that is ticked means none of them
        chosen = posted.getlist("agent-match_on")
        known = [one for one in Criterion.values if one in chosen]
        _choose(part, "strategy", posted["agent-strategy"], DEFAULTS["agent"])
        _choose(part, "match_on", known, DEFAULTS["agent"])
    _set(part, "instructions", _text(posted.get("agent-instructions", "")))
    return part


def _limits(posted: QueryDict, draft: Mapping[str, Any]) -> dict[str, Any]:
    part = dict(_mapping(draft, "limits"))
    for name in _LIMITS:
        _set(part, name, _whole(posted.get(f"limits-{name}", "")))
    for name in MONEY_FIELDS:
        _set(part, name, _amount(posted.get(f"limits-{name}", "")))
    for name in _POLICIES:
        _choose(part, name, posted.get(f"limits-{name}"), DEFAULTS["limits"])
    return part


def _deliverables(posted: QueryDict, draft: Mapping[str, Any]) -> list[dict[str, Any]]:
    total = _whole(posted.get(f"{DELIVERABLES}-TOTAL_FORMS", "0"))
    count = min(max(total, 0), MOST_DELIVERABLES + 1) if isinstance(total, int) else 0
    parts = draft.get(DELIVERABLES)
    before = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    rows = [(f"{DELIVERABLES}-{at}-", before[at] if at < len(before) else {}) for at in range(count)]
    is_there = [(row, part) for row, part in rows if not posted.get(f"{row}DELETE") and f"{row}name" in posted]
    found = []
    for at, (row, part) in enumerate(is_there):
        try:
            found.append(_deliverable(posted, row, part))
        except UnsafeJson as unsafe:
            problem = Problem(f"{DELIVERABLES}[{at}].rules.schema", unsafe.reason, unsafe.about("This"))
            raise InvalidDocument([problem]) from unsafe
    return found


def _deliverable(posted: QueryDict, row: str, before: Mapping[str, Any]) -> dict[str, Any]:
    is_required = f"{row}required" in posted
    part: dict[str, Any] = {
        "name": posted.get(f"{row}name", "").strip(),
        "kind": posted.get(f"{row}kind", ""),
        "target": posted.get(f"{row}target", "").strip(),
    }
    # Required is what a deliverable is that says nothing; what was not said before need not be said now.
    if not is_required or "required" in before or not before:
        part["required"] = is_required
    rules: dict[str, Any] = {}
    for name in _RULES:
        _set(rules, name, _whole(posted.get(f"{row}{name}", "")))
    rules |= editor_rules.said(posted, row)
    _set(part, "rules", rules)
    _set(part, "deadline_s", _whole(posted.get(f"{row}deadline_s", "")))
    return part


def _choose(part: dict[str, Any], name: str, value: Any, defaults: Mapping[str, Any]) -> None:
    """A choice that only says what the draft means anyway is not written down: it would look like a change."""
    if value is not None and (name in part or value != defaults[name]):
        part[name] = value


def _set(part: dict[str, Any], name: str, value: Any) -> None:
    """An empty field takes the value out: the document's own default counts then."""
    if value in ("", None, {}):
        part.pop(name, None)
    else:
        part[name] = value


def _whole(text: str) -> Any:
    text = text.strip()
    if not text:
        return None
    return int(text) if _WHOLE.match(text) else text


def _amount(text: str) -> Any:
    """An amount of money: a whole number where it is one, so that what was loaded is stored as it was."""
    text = text.strip()
    if not _AMOUNT.match(text):
        return _whole(text)
    return float(text) if float(text) % 1 else int(float(text))


def _text(text: str) -> str:
    """Browsers send line ends as two characters."""
    return text.replace("\r\n", "\n")


def _mapping(draft: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = draft.get(name)
    return found if isinstance(found, dict) else {}
