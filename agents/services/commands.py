"""Programs that agents may be: registered by Developers, as lists of words, never as shell lines."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from agents.models import RuntimeCommand
from agents.runtimes.transcripts import transcripts
from agents.services.command_secrets import checked, keep
from agents.services.values import BadValues
from dct_site.kernel.edits import edit

EDITABLE = ("name", "argv", "transcript", "description", "environment", "is_enabled", "is_network_allowed")
SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "API_KEY", "CREDENTIAL", "PRIVATE_KEY")
MOST_WORDS = 100


def register(
    *, name: str, argv: list[str], by: Actor, registered_by: User, now: datetime, **values: Any
) -> RuntimeCommand:
    """Register a program. ``values``: transcript, description, environment, is_enabled, is_network_allowed, and
    ``secrets``, texts by the names of variables. Raises BadValues.
    """
    command = RuntimeCommand(registered_by=registered_by, created_at=now, updated_at=now)
    secrets = checked(values.pop("secrets", {}), values.get("environment", {}))
    given = {"name": name, "argv": argv, **values}
    _set(command, given)
    with transaction.atomic():
        command.save()
        told = keep(command, secrets, now=now)
        audit.record(by=by, action="command.registered", obj=command, now=now, after=given | told)
    return command


def update(
    *, command: RuntimeCommand, by: Actor, now: datetime, version: int | None = None, **values: Any
) -> RuntimeCommand:
    """Change a program; runs at work are not touched. Of ``secrets`` those that are named are replaced, and taken away
    where they are None. Raises BadValues and EditConflict.
    """
    secrets = checked(values.pop("secrets", {}), values.get("environment", command.environment))
    before = {field: getattr(command, field, None) for field in values}
    _set(command, values)
    with transaction.atomic():
        edit(command, version=version, updated_at=now, **values)
        told = keep(command, secrets, now=now)
        audit.record(by=by, action="command.updated", obj=command, now=now, before=before, after=values | told)
    return command


def _set(command: RuntimeCommand, values: dict[str, Any]) -> None:
    unknown = [field for field in values if field not in EDITABLE]
    if unknown:
        raise BadValues(dict.fromkeys(unknown, "There is no such field."))
    for field, value in values.items():
        setattr(command, field, value)
    problems = _problems(command)
    if problems:
        raise BadValues(problems)


def _problems(command: RuntimeCommand) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not command.name.strip() or len(command.name) > 100:
        problems["name"] = "Give the program a name of 1 to 100 characters."
    elif RuntimeCommand.objects.filter(name=command.name).exclude(pk=command.pk).exists():
        problems["name"] = "Another program has this name."
    if not _are_words(command.argv):
        problems["argv"] = f"The command must be a list of 1 to {MOST_WORDS} words, the program first."
    if command.transcript not in transcripts:
        problems["transcript"] = f"There is no such transcript; there are {', '.join(transcripts)}."
    problems |= _environment_problems(command.environment)
    return problems


def _are_words(argv: Any) -> bool:
    return (
        isinstance(argv, list)
        and 0 < len(argv) <= MOST_WORDS
        and all(isinstance(word, str) and "\0" not in word and len(word) <= 4_096 for word in argv)
        and bool(argv[0].strip())
    )


def _environment_problems(environment: Any) -> dict[str, str]:
    if not isinstance(environment, dict) or not all(
        isinstance(value, str) and name and "=" not in name and "\0" not in name + value
        for name, value in environment.items()
    ):
        return {"environment": "The variables must be an object of names and texts."}
    secret = [name for name in environment if any(word in name.upper() for word in SECRET_WORDS)]
    if secret:
        words = f"{secret[0]} looks like a secret. Variables are shown to everyone; write it under secrets."
        return {"environment": words}
    return {}
