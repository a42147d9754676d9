"""Who does something, and through which door: what every service that changes something is told."""

from dataclasses import dataclass

from accounts.enums import Via
from accounts.models import User


@dataclass(frozen=True)
class Actor:
    """A person at a door, or DCT itself (``user`` is None)."""

    user: User | None
    label: str
    via: Via

    @classmethod
    def person(cls, user: User, via: Via) -> "Actor":
        return cls(user=user, label=user.get_username(), via=via)

    @classmethod
    def system(cls, label: str = "system") -> "Actor":
        return cls(user=None, label=label, via=Via.SYSTEM)

    @classmethod
    def cli(cls) -> "Actor":
        """Whoever has the shell acts as superuser."""
        return cls(user=None, label="cli", via=Via.CLI)
