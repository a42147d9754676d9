"""The shape of a trigger document: one JSON schema, and its complaints in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError

from agents.enums import BudgetWindow, Criterion, Strategy
from deliverables.enums import DeliverableKind
from deliverables.rules import formats, schemas
from triggers.conditions import patterns
from triggers.conditions.schema import Problem
from triggers.conditions.schema import validate as validate_conditions
from triggers.documents.budget import MONEY, budget_problems
from triggers.documents.strategy import strategy_problems
from triggers.documents.waiting import waiting_problems
from triggers.enums import BatchBy, CooldownBy, CooldownPolicy, LatePolicy, ListenerType, OverlapPolicy, QueuePolicy
from workspaces.enums import ContextRefreshMode, DeployMode

MAX_DOCUMENT_BYTES = 512 * 1024
DAY_S, WEEK_S, YEAR_S = 86_400, 7 * 86_400, 365 * 86_400


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _whole(minimum: int, maximum: int, *, nullable: bool = False) -> dict[str, Any]:
    return {"type": ["integer", "null"] if nullable else "integer", "minimum": minimum, "maximum": maximum}


def _text(minimum: int, maximum: int) -> dict[str, Any]:
    return {"type": "string", "minLength": minimum, "maxLength": maximum}


_ID = _whole(1, 2**63 - 1, nullable=True)
_NAMES = {"type": "array", "minItems": 1, "maxItems": 50, "items": _text(1, 200)}

SCHEMA: dict[str, Any] = _object(
    {
        "name": _text(1, 200),
        "priority": _whole(1, 10),
        "listeners": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": _object(
                {
                    "context_item_id": _ID,
                    "connection_id": _ID,
                    "listener_type": {"enum": ListenerType.values},
                    "polling_interval_ms": _whole(1_000, 86_400_000, nullable=True),
                }
            ),
        },
        "conditions": {},
        "workspace": _object(
            {
                "template_id": _ID,
                "title_pattern": _text(0, 500),
                "context_refresh_mode": {"enum": ContextRefreshMode.values},
                "deploy": {"enum": DeployMode.values},
            }
        ),
        "agent": _object(
            {
                "profile_id": _whole(1, 2**63 - 1),
                "strategy": {"enum": Strategy.values},
                "match_on": {"type": "array", "maxItems": 4, "items": {"enum": Criterion.values}},
                "instructions": _text(0, 20_000),
            },
            "profile_id",
        ),
        "deliverables": {
            "type": "array",
            "maxItems": 50,
            "items": _object(
                {
                    "name": _text(1, 200),
                    "kind": {"enum": DeliverableKind.values},
                    "target": _text(1, 500),
                    "required": {"type": "boolean"},
                    "rules": _object(
                        {
                            "min_size": _whole(0, 2**40, nullable=True),
                            "max_size": _whole(0, 2**40, nullable=True),
                            "pattern": {**_text(0, 500), "type": ["string", "null"]},
                            "forbidden_pattern": {**_text(0, 500), "type": ["string", "null"]},
                            "format": {"enum": list(formats.Format)},
                            "schema": {"type": "object"},
                            "columns": _NAMES,
                            "sections": _NAMES,
                        }
                    ),
                    "deadline_s": _whole(1, YEAR_S, nullable=True),
                },
                "name",
                "kind",
                "target",
            ),
        },
        "limits": _object(
            {
                "cooldown_s": _whole(0, YEAR_S, nullable=True),
                "cooldown_policy": {"enum": CooldownPolicy.values},
                "cooldown_by": {"enum": CooldownBy.values},
                "debounce_s": _whole(1, DAY_S, nullable=True),
                "debounce_max_s": _whole(1, WEEK_S, nullable=True),
                "batch_size": _whole(2, 1_000, nullable=True),
                "batch_s": _whole(1, WEEK_S, nullable=True),
                "batch_by": {"enum": BatchBy.values},
                "rate_limit": _whole(1, 1_000, nullable=True),
                "rate_window_s": _whole(1, YEAR_S, nullable=True),
                "storm_limit": _whole(1, 1_000, nullable=True),
                "overlap": {"enum": OverlapPolicy.values},
                "max_queued": _whole(1, 10_000, nullable=True),
                "queue_policy": {"enum": QueuePolicy.values},
                "max_concurrent": _whole(1, 10_000, nullable=True),
                "max_concurrent_per_item": _whole(1, 10_000, nullable=True),
                "max_per_hour": _whole(1, 100_000, nullable=True),
                "max_per_day": _whole(1, 1_000_000, nullable=True),
                "budget_window": {"enum": BudgetWindow.values},
                "budget_runs": _whole(1, 1_000_000, nullable=True),
                "budget_tokens": _whole(1, 10**12, nullable=True),
                "budget_money": MONEY,
                "max_tokens_per_run": _whole(1, 10**12, nullable=True),
                "max_money_per_run": MONEY,
                "max_attempts": _whole(1, 20, nullable=True),
                "deadline_s": _whole(1, YEAR_S, nullable=True),
                "expires_s": _whole(1, YEAR_S, nullable=True),
                "stale_after_s": _whole(1, YEAR_S, nullable=True),
                "late": {"enum": LatePolicy.values},
            }
        ),
    },
    "name",
    "listeners",
    "conditions",
    "agent",
)
_VALIDATOR = Draft202012Validator(SCHEMA)


def empty_document(name: str = "") -> dict[str, Any]:
    """What a new trigger's draft holds before anybody has filled it in."""
    return {
        "name": name,
        "priority": 5,
        "listeners": [],
        "conditions": {"all": []},
        "workspace": {"template_id": None, "deploy": DeployMode.AUTO.value},
        "agent": {"profile_id": None, "strategy": Strategy.FRESH.value},
        "deliverables": [],
        "limits": {"cooldown_s": 0, "cooldown_policy": CooldownPolicy.SKIP.value},
    }


def storable_problems(draft: Any) -> list[Problem]:
    """Why a draft cannot even be kept; an unfinished one can."""
    if not isinstance(draft, dict):
        return [Problem("", "wrong_type", "The trigger must be an object.")]
    try:
        raw = json.dumps(draft, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        return [Problem("", "too_deep", "The trigger is nested too deeply.")]
    except ValueError:
        # A lone surrogate, or a number that JSON does not have.
        return [Problem("", "bad_text", "The trigger holds half of a character, or a number that is not finite.")]
    if _holds_nul(draft):
        return [Problem("", "bad_text", "The trigger holds a NUL character.")]
    if len(raw) > MAX_DOCUMENT_BYTES:
        return [Problem("", "too_long", f"The trigger has {len(raw)} bytes; at most {MAX_DOCUMENT_BYTES} are allowed.")]
    return []


def _holds_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_nul(inner) for pair in value.items() for inner in pair)
    if isinstance(value, list):
        return any(_holds_nul(inner) for inner in value)
    return isinstance(value, str) and "\x00" in value


def shape_problems(document: Any) -> list[Problem]:
    """All that is wrong with a document by itself, without a look into the database; empty where it may decide."""
    problems = storable_problems(document)
    if problems:
        return problems
    wrongs = sorted(_VALIDATOR.iter_errors(document), key=lambda wrong: [str(key) for key in wrong.absolute_path])
    problems = [problem for wrong in wrongs for problem in _in_words(wrong)]
    if "conditions" in document:
        problems += validate_conditions(document["conditions"])
    if not wrongs:
        problems += [*_listener_problems(document), *_deliverable_problems(document), *_limit_problems(document)]
    return problems


def _listener_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    seen: set[tuple[Any, Any]] = set()
    for at, part in enumerate(document["listeners"]):
        target = (part.get("context_item_id"), part.get("connection_id"))
        if target.count(None) != 1:
            words = f"listeners[{at}] must name one card (context_item_id) or one connection (connection_id)."
            yield Problem(f"listeners[{at}]", "one_of", words)
        elif target in seen:
            yield Problem(f"listeners[{at}]", "twice", f"listeners[{at}] is in the list already.")
        seen.add(target)


def _deliverable_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    names: set[str] = set()
    for at, part in enumerate(document.get("deliverables", ())):
        path = f"deliverables[{at}]"
        if part["name"] in names:
            yield Problem(f"{path}.name", "twice", f"{path}.name is used already; give each deliverable its own.")
        names.add(part["name"])
        if not _is_inside(part["target"]):
            words = f"{path}.target must be a path inside the workspace, such as feedback/report.md."
            yield Problem(f"{path}.target", "bad_path", words)
        yield from _rule_problems(part.get("rules") or {}, f"{path}.rules")


# A limit, and one that it may not exceed: it could never be reached.
_WITHIN = (
    ("max_per_hour", "max_per_day", "so many of its runs may begin within a day: {most}"),
    ("max_concurrent_per_item", "max_concurrent", "so many of its runs are there at once: {most}"),
    ("max_tokens_per_run", "budget_tokens", "all of its runs together may use {most}"),
    ("max_money_per_run", "budget_money", "all of its runs together may use {most}"),
)


def _limit_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    limits = document.get("limits") or {}
    for name, other, words in _WITHIN:
        value, most = limits.get(name), limits.get(other)
        if value is not None and most is not None and value > most:
            told = f"limits.{name} is {value}, and {words.format(most=most)} (limits.{other})."
            yield Problem(f"limits.{name}", "out_of_range", f"{told} Lower it, or raise the other.")
    yield from waiting_problems(limits)
    yield from budget_problems(limits)
    yield from strategy_problems(document)


def _rule_problems(rules: Mapping[str, Any], path: str) -> Iterator[Problem]:
    smallest, largest = rules.get("min_size"), rules.get("max_size")
    if smallest is not None and largest is not None and smallest > largest:
        yield Problem(f"{path}.max_size", "out_of_range", f"{path}.max_size is smaller than min_size.")
    for name in ("pattern", "forbidden_pattern"):
        try:
            patterns.check_pattern(rules.get(name) or "")
        except patterns.PatternError as wrong:
            yield Problem(f"{path}.{name}", "bad_pattern", f"{path}.{name} {wrong}")
    kind = formats.KINDS[formats.Format(rules["format"])] if rules.get("format") else None
    for name in formats.OPTIONS:
        if name in rules and (kind is None or kind.option != name):
            where = " or ".join(f"`{one}`" for one, other in formats.KINDS.items() if other.option == name)
            yield Problem(f"{path}.{name}", "not_with", f"{path}.{name} goes with the format {where} only.")
    if wrong_schema := schemas.problem_of_schema(rules["schema"]) if "schema" in rules else "":
        yield Problem(f"{path}.schema", "bad_schema", f"{path}.schema {wrong_schema}.")


def _is_inside(target: str) -> bool:
    parts = target.split("/")
    return not any(part in ("", ".", "..") or len(part.encode()) > 200 for part in parts) and target.isprintable()


def _in_words(wrong: ValidationError) -> Iterator[Problem]:
    where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in wrong.absolute_path).lstrip(".")
    rule, limit, value = str(wrong.validator), cast("Any", wrong.validator_value), cast("Any", wrong.instance)
    prefix = f"{where}." if where else ""
    if rule == "additionalProperties":
        known = list(cast("Any", wrong.schema)["properties"])
        for key in (str(key) for key in value if key not in known):
            words = f"{prefix}{key[:60]} does not exist; there are {', '.join(known)}."
            yield Problem(f"{prefix}{key[:60]}", "unknown_key", words)
    elif rule == "required":
        for key in (key for key in limit if f"'{key}'" in wrong.message):
            yield Problem(f"{prefix}{key}", "required", f"{prefix}{key} is required.")
    elif rule == "enum":
        yield Problem(where, "not_one_of", f"{where} must be one of {', '.join(limit)}.")
    elif rule == "type":
        wanted = limit if isinstance(limit, str) else limit[0]
        yield Problem(where, "wrong_type", f"{where} must be {_TYPE_WORDS[wanted]}.")
    elif rule == "minItems":
        yield Problem(where, "empty", f"{where} is empty; add at least one.")
    else:
        yield Problem(where, "out_of_range", f"{where} {_LIMIT_WORDS[rule]} {limit}.")


_TYPE_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
}
_LIMIT_WORDS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "minLength": "is too short; the fewest characters are",
    "maxLength": "is too long; the most characters are",
    "maxItems": "has too many entries; the most are",
}
