"""How DCT stands: healthy, warning or error, each with its reasons and what to do about it.

``table`` holds the rules; the modules beside it what each looks at. The quick invariants are rules, too.
"""

from datetime import datetime

from dct_site.kernel.clock import utcnow
from triggers.selectors.health.look import Look
from triggers.selectors.health.rules import ERROR, HEALTH_STATES, Health, Reason, Rule
from triggers.selectors.health.table import LOCKED_SECRETS, RULES
from triggers.selectors.invariants import broken_quickly

__all__ = ["HEALTH_STATES", "RULES", "Health", "Reason", "Rule", "health", "secrets_under_lost_keys"]


def health(*, now: datetime) -> Health:
    """Look at everything that the rules know. Bounded queries; safe to ask every second."""
    look = Look(now)
    found = [reason for rule in RULES for reason in rule.reasons(look)]
    found += [
        Reason(ERROR, one.invariant.code, one.text, one.invariant.advice, one.invariant.topic)
        for one in broken_quickly(now=now)
    ]
    worst = max((HEALTH_STATES.index(reason.state) for reason in found), default=0)
    found.sort(key=lambda reason: -HEALTH_STATES.index(reason.state))
    return Health(HEALTH_STATES[worst], tuple(found))


def secrets_under_lost_keys() -> list[Reason]:
    """Connections whose secret none of the keys of now opens; opens nothing."""
    return LOCKED_SECRETS.reasons(Look(utcnow()))
