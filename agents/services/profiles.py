"""Agent profiles: what agents are started from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from agents.enums import RuntimeKind
from agents.models import AgentProfile, RuntimeCommand
from agents.runtimes import runtimes
from agents.runtimes.llm import bounds
from agents.services import model_providers
from agents.services.values import BadValues
from dct_site.kernel.edits import edit

# name → (smallest, largest, words)
BOUNDS = {
    "time_limit_s": (1, 7 * 86_400, "The time limit"),
    "output_limit_bytes": (1_024, 2**31, "The output limit"),
    "max_attempts": (1, 20, "The number of attempts"),
    "max_rounds": (0, 20, "The number of rounds"),
}
TEXTS = {"name": 200, "model": 200, "instructions": 20_000, "user_comment": 20_000}
EDITABLE = (*TEXTS, *BOUNDS, "runtime", "permissions", "command")


def create(*, name: str, owner: User, by: Actor, now: datetime, **values: Any) -> AgentProfile:
    """A profile. ``values`` are fields of it: runtime, model, instructions, permissions, user_comment, command,
    time_limit_s, output_limit_bytes, max_attempts, max_rounds. Raises BadValues.
    """
    profile = AgentProfile(owner=owner, created_at=now, updated_at=now)
    for field, value in {"name": name, **values}.items():
        _known(field)
        setattr(profile, field, value)
    _check(profile)
    with transaction.atomic():
        profile.save()
        audit.record(by=by, action="profile.created", obj=profile, now=now, after=_shown({"name": name, **values}))
    return profile


def update(
    *, profile: AgentProfile, by: Actor, now: datetime, version: int | None = None, **values: Any
) -> AgentProfile:
    """Change some fields; agents at work keep what they were started with. Raises BadValues and EditConflict."""
    before = {field: getattr(profile, field) for field in values if _known(field)}
    for field, value in values.items():
        setattr(profile, field, value)
    _check(profile)
    with transaction.atomic():
        edit(profile, version=version, updated_at=now, **values)
        audit.record(by=by, action="profile.updated", obj=profile, now=now, before=_shown(before), after=_shown(values))
    return profile


def archive(*, profile: AgentProfile, by: Actor, now: datetime) -> AgentProfile:
    """Put a profile away: it starts no new agents."""
    with transaction.atomic():
        edit(profile, is_archived=True, updated_at=now)
        audit.record(by=by, action="profile.archived", obj=profile, now=now)
    return profile


def _known(field: str) -> bool:
    if field not in EDITABLE:
        raise BadValues({field: "There is no such field."})
    return True


def _check(profile: AgentProfile) -> None:
    problems: dict[str, str] = {}
    if not profile.name.strip():
        problems["name"] = "Give the profile a name."
    for field, most in TEXTS.items():
        if len(getattr(profile, field)) > most:
            problems[field] = f"At most {most:,} characters."
    for field, (low, high, words) in BOUNDS.items():
        value = getattr(profile, field)
        if type(value) is not int or not low <= value <= high:
            problems[field] = f"{words} must be a whole number from {low:,} to {high:,}."
    if not isinstance(profile.permissions, dict):
        problems["permissions"] = "Permissions must be an object."
    if profile.runtime not in runtimes:
        problems["runtime"] = f"There is no such runtime; there are {', '.join(runtimes)}."
    elif (profile.runtime == RuntimeKind.COMMAND) != (profile.command is not None):
        needs = "Choose a program." if profile.command is None else "Only the command runtime runs a program."
        problems["command"] = needs
    elif profile.runtime == RuntimeKind.LLM:
        problems |= _model_problems(profile, problems)
    if problems:
        raise BadValues(problems)


def _model_problems(profile: AgentProfile, found: Mapping[str, str]) -> dict[str, str]:
    """What keeps a profile from asking a model, beside what was ``found`` already."""
    told = {"model": model_providers.problem_of(profile.model)}
    if "permissions" not in found:
        told["permissions"] = bounds.problem_of(profile.permissions)
    return {field: words for field, words in told.items() if words}


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value.name if isinstance(value, RuntimeCommand) else value for field, value in values.items()}
