"""How far an event's origin is trusted."""

from collections.abc import Sequence
from typing import Protocol

from workspaces.enums import TrustTier


class LetsIn(Protocol):
    """Anything with a list of actors who may do more: a webhook endpoint."""

    @property
    def allowed_actors(self) -> Sequence[str]: ...


def tier_of(endpoint: LetsIn | None, actor: str, verified: bool) -> TrustTier:
    """The tier of an event of ``actor`` that came through ``endpoint`` (None: not through a webhook).

    An actor's name alone proves nothing: only a verified sender's word about the actor counts.
    """
    if not verified:
        return TrustTier.OPEN
    known = {name.casefold() for name in endpoint.allowed_actors} if endpoint is not None else set()
    return TrustTier.ALLOWED if actor and actor.casefold() in known else TrustTier.VERIFIED
