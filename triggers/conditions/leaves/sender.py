"""The `sender` leaf: the event comes from one of the allowed actors."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.shared_keys import alike
from triggers.conditions.verdict import shown


def ask(asked: Asked) -> tuple[Check, ...]:
    allowed, actor = asked.config["allow"], asked.event.actor
    holds = any(alike(one, actor, asked.config) for one in allowed)
    return (Check("sender", holds, f"any of {shown(', '.join(allowed))}", shown(actor) or "nobody named", "allow"),)


def say(config: Config) -> str:
    return f"the sender is any of {shown(', '.join(config['allow']))}"


LEAF = Leaf(
    type="sender",
    version=1,
    title="Sender is allowed",
    about="one of these caused the event",
    ask=ask,
    say=say,
    required=("allow",),
    properties={
        "allow": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 10_000},
            "minItems": 1,
            "maxItems": 500,
            "title": "Allowed senders",
        }
    },
)
