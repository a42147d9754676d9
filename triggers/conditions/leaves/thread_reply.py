"""The `thread_reply` leaf: the message answers an earlier one."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.registry import Asked, Leaf


def ask(asked: Asked) -> tuple[Check, ...]:
    return (Check("is a reply", asked.event.is_reply, "yes", "yes" if asked.event.is_reply else "no"),)


LEAF = Leaf(
    type="thread_reply",
    version=1,
    title="Reply in a thread",
    about="the message answers an earlier one",
    ask=ask,
    says="it is a reply",
)
