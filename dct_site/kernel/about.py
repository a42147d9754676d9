"""What a piece of work is about: ids that every line logged meanwhile carries."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

WORDS = ("execution", "trigger", "item", "delivery", "connection", "listener", "workspace", "agent", "run")
"""Not ``event``: that is what structlog calls the name of what happened."""


@contextmanager
def about(refs: Mapping[str, int | None] | None = None, **ids: int | None) -> Iterator[None]:
    """Bind these ids for the length of a block, in this thread or task and whatever it starts; what is None, or no
    word of WORDS, is left out. Inner blocks add to outer ones.
    """
    told = {name: value for name, value in {**(refs or {}), **ids}.items() if name in WORDS and value is not None}
    with structlog.contextvars.bound_contextvars(**told):
        yield
