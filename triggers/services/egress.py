"""What a connection may reach: settings that open the way to inner networks are a Developer's (permissions, row 17)."""

from collections.abc import Iterable, Mapping
from typing import Any

from accounts.actor import Actor
from accounts.operations import Operation
from accounts.permissions import require_of

OPENINGS = ("allow_private", "allow_plain")
"""Lets a connection reach inner networks; lets it send a password in the clear."""
SERVER = ("host", "port", "security")
"""What says which server is spoken to, and how."""


def guard(config: Mapping[str, Any], *, standing: Mapping[str, Any], by: Actor) -> None:
    """Raise Denied where ``by`` opens a way, or turns one that stands open to another server."""
    is_opened = any(config.get(name) and config[name] != standing.get(name) for name in OPENINGS)
    is_open = any(config.get(name) for name in OPENINGS)
    if is_opened or (is_open and differs(config, standing, SERVER)):
        require_of(by, Operation.REGISTER_COMMANDS)


def differs(config: Mapping[str, Any], standing: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Whether any of the named settings is another one."""
    return any(config.get(name) != standing.get(name) for name in names)
