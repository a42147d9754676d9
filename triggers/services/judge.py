"""The one evaluator of a trigger's conditions: decisions, explanations and dry runs all ask here."""

from collections.abc import Mapping
from typing import Any

from triggers.conditions.evaluate import consults_events, evaluate
from triggers.conditions.facts import EventFacts, ItemFacts, Origin, TrustTier
from triggers.conditions.history import History, UnreadHistory
from triggers.conditions.verdict import Node, NodeKind, Verdict
from triggers.models import Event
from triggers.sources.cloudevents.event import extensions_of


def judge(
    *, document: Mapping[str, Any], event: EventFacts, item: ItemFacts | None, past: History | None = None
) -> Verdict:
    """What the conditions of a trigger's document say about an event and its item as it was before.

    Other events are looked at, in ``past``, only where the event and its item do not decide. Raises only what
    reading ``past`` raises.
    """
    conditions = document.get("conditions")
    verdict = evaluate(conditions, event, item)
    if verdict.error is None or past is None or not consults_events(conditions):
        return verdict
    try:
        return evaluate(conditions, event, item, past)
    except UnreadHistory as unread:
        # A database that is gone for a moment is no answer: the caller tries again.
        raise unread.__cause__ or unread from None


def judged_by_hand(*, actor: str) -> Verdict:
    """The verdict of a trigger that somebody fired: nobody asks its conditions."""
    return Verdict.of(Node(NodeKind.LEAF, "fired by hand", "", True, expected="a person fires it", actual=actor))


def event_facts(event: Event) -> EventFacts:
    """What conditions see of an event, stored or about to be: the same function for both, so that they agree."""
    facts = event.facts
    return EventFacts(
        source=event.source,
        type=event.type,
        subject=event.subject,
        actor=event.actor,
        title=facts.get("title", ""),
        text=facts.get("text", ""),
        time=event.time,
        data=event.data,
        changes={path: (pair[0], pair[1]) for path, pair in event.changes.items()},
        kinds=tuple(facts.get("kinds", ())),
        mentions=tuple(facts.get("mentions", ())),
        is_reply=facts.get("is_reply") is True,
        trust_tier=TrustTier(event.trust_tier),
        origin=Origin(event.origin),
        extensions=extensions_of(facts["cloudevent"]["attributes"]) if "cloudevent" in facts else {},
    )
