"""The `mention` leaf: somebody is named in the text; `who` narrows it to any of the given people."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.registry import Asked, Config, Leaf
from triggers.conditions.shared_keys import alike
from triggers.conditions.verdict import shown


def ask(asked: Asked) -> tuple[Check, ...]:
    actual = shown(", ".join(asked.event.mentions)) or "nobody is mentioned"
    who = asked.config.get("who")
    if not who:
        return (Check("mentions", bool(asked.event.mentions), "anybody", actual),)
    holds = any(alike(_bare(wanted), _bare(named), asked.config) for wanted in who for named in asked.event.mentions)
    return (Check("mentions", holds, f"any of {shown(', '.join(who))}", actual, "who"),)


def say(config: Config) -> str:
    who = config.get("who")
    return f"it mentions any of {shown(', '.join(who))}" if who else "it mentions somebody"


def _bare(name: str) -> str:
    # Sources store "ana"; people type "@ana".
    return name.removeprefix("@")


LEAF = Leaf(
    type="mention",
    version=1,
    title="Somebody is mentioned",
    about="somebody is named in the text (@ana); with people given, one of these",
    ask=ask,
    say=say,
    properties={
        "who": {
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1, "maxLength": 10_000},
            "maxItems": 500,
            "title": "Any of these people",
        }
    },
)
