"""Secrets of programs: what a Developer gives to a program, by the name of the variable in which its runs find it.

They are in the environment of its runs and nowhere else: not in argv, files, answers, logs or the audit, and what a
program says of them is masked before it is kept.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.models import CommandSecret, RuntimeCommand
from agents.runtimes import CannotRun
from agents.services.values import BadValues
from dct_site.kernel.crypto import WrongKey

MOST = 20
LONGEST = 20_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_RESERVED = ("DCT_", "LD_")
_DCTS_OWN = frozenset({"PATH", "HOME", "LANG"})

Secrets = Mapping[str, str | None]


def checked(secrets: Any, environment: Any) -> Secrets:
    """The secrets as they are to be kept. Raises BadValues."""
    if not isinstance(secrets, Mapping):
        raise BadValues({"secrets": "The secrets must be an object of names and texts."})
    if len(secrets) > MOST:
        raise BadValues({"secrets": f"At most {MOST} secrets."})
    for name, value in secrets.items():
        problem = _problem(name, value, environment)
        if problem:
            raise BadValues({"secrets": problem})
    return secrets


def keep(command: RuntimeCommand, secrets: Secrets, *, now: datetime) -> dict[str, Any]:
    """Write what is given, delete what is None; what the audit may tell of it. Joins the caller's transaction."""
    for name, value in secrets.items():
        if value is None:
            command.secrets.filter(name=name).delete()
        else:
            CommandSecret.objects.update_or_create(
                command=command, name=name, defaults={"value": value, "updated_at": now}
            )
    return {"hidden_variables": sorted(secrets)} if secrets else {}


def names_of(command: RuntimeCommand) -> list[str]:
    """What secrets it has; rows that were prefetched are taken as they are."""
    return sorted(row.name for row in command.secrets.all())


def opened(command: RuntimeCommand) -> dict[str, str]:
    """What a run is given. Raises CannotRun where the key of one is gone."""
    found: dict[str, str] = {}
    for row in command.secrets.all():
        try:
            found[row.name] = row.value
        except WrongKey:
            words = (
                f"The secret {row.name} of “{command.name}” cannot be read: put its key back into DCT_ENCRYPTION_KEYS."
            )
            raise CannotRun(words) from None
    return found


def _problem(name: Any, value: Any, environment: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "A secret's name is that of a variable: letters, digits and _, no digit first."
    if name.upper().startswith(_RESERVED) or name in _DCTS_OWN:
        return f"{name} is not free to choose."
    if isinstance(environment, Mapping) and name in environment:
        return f"{name} is a variable already. Take it from there first."
    if value is not None and (not isinstance(value, str) or not value or "\0" in value or len(value) > LONGEST):
        return f"{name} must be a text of 1 to {LONGEST:,} characters."
    return ""
