"""What DCT's agents write on the other side comes back as events; by whose name, the connection says (threat T9).

``own_actors`` in a connection's config: names as the other side calls them. What they do fires nothing, so that an
agent that answers a comment does not answer itself.
"""

from collections.abc import Mapping
from typing import Any

from triggers.conditions.schema import Problem

OWN_ACTORS = "own_actors"
MOST = 100


class InvalidConfig(Exception):
    """A connection's config cannot be as it was asked for; ``problems`` lists every reason with its path."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problems = [problem]


def check_own_actors(config: Mapping[str, Any]) -> None:
    """Raise InvalidConfig where they are no list of names: such a list would guard nothing, and nobody would know."""
    told = config.get(OWN_ACTORS, [])
    if not isinstance(told, list) or len(told) > MOST or own_actors_of(config) != tuple(told):
        message = f"List the names of DCT's own accounts, one each, at most {MOST}."
        raise InvalidConfig(Problem(f"config.{OWN_ACTORS}", "not_names", message))


def own_actors_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names; whatever else stands there (it was stored before it was looked at) is left out."""
    told = config.get(OWN_ACTORS, ())
    return tuple(name for name in told if isinstance(name, str) and name.strip()) if isinstance(told, list) else ()
