"""The page of health reasons, from the table of rules and the quick invariants."""

from docs.pages.markdown import code, joined, listed, table
from triggers.selectors.health import RULES
from triggers.selectors.invariants import INVARIANTS

INTRODUCTION = """# Health reasons

The status page and `GET /api/v1/status/` say `healthy`, `warning` or `error`; the worst reason decides. Each reason has
a code that stays, a sentence with its figures, and what to do. People who may open the triage dashboard read the
reasons, others the state."""

INVARIANTS_SAID = """What must always be so is asked as well. A reason of this kind is always an error; its
sentence names some of the ids. `./dct doctor --invariants` asks these and the dearer ones."""


def page() -> str:
    """The Markdown of reference/health.md."""
    rules = ([code(rule.code), listed(rule.states), rule.when, rule.advice] for rule in RULES)
    quick = ([code(one.code), one.words, one.advice] for one in INVARIANTS if one.is_quick)
    return joined(
        INTRODUCTION,
        "## Rules",
        table(["code", "state", "told when", "what to do"], rules),
        "## Invariants",
        INVARIANTS_SAID,
        table(["code", "told when", "what to do"], quick),
    )
