"""The `trust_tier` leaf: the sender is known at least this far."""

from __future__ import annotations

from triggers.conditions.checks import Check
from triggers.conditions.facts import TrustTier
from triggers.conditions.registry import Asked, Config, Leaf

_WORDS = {
    TrustTier.OPEN: "open door",
    TrustTier.VERIFIED: "verified sender",
    TrustTier.ALLOWED: "verified sender and allowed actor",
}


def ask(asked: Asked) -> tuple[Check, ...]:
    least = TrustTier(asked.config["at_least"])
    holds = asked.event.trust_tier.rank >= least.rank
    return (Check("trust", holds, f"at least {_WORDS[least]}", _WORDS[asked.event.trust_tier], "at_least"),)


def say(config: Config) -> str:
    return f"trust is at least {_WORDS[TrustTier(config['at_least'])]}"


LEAF = Leaf(
    type="trust_tier",
    version=1,
    title="Trust at least",
    about="the sender is known at least this far",
    ask=ask,
    say=say,
    required=("at_least",),
    properties={"at_least": {"type": "string", "enum": [tier.value for tier in TrustTier], "title": "At least"}},
)
