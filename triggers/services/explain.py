"""Why: the answer of a trigger to an event, as it was given, whatever has changed since.

A stored decision speaks for itself. "Not matched" is not stored: it is judged again, by the same evaluator, from the
event, the item's state that it was judged against and the revision that decided then. "Then" is the generation of the
event's decision; of a replay by the revisions of then, that of the event it repeats.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from triggers.conditions.describe import summary
from triggers.conditions.facts import ItemFacts
from triggers.conditions.verdict import Node, Verdict
from triggers.enums import Origin, Outcome, TriggerStatus
from triggers.models import Decision, Event, Firing, Trigger, TriggerRevision, TriggerStanding, Watch
from triggers.selectors.standings import (
    ASKED,
    asked_at,
    hearing_revision_ids,
    judging_generation,
    standing_at,
    standings_at,
)
from triggers.selectors.watches import watches_of_event
from triggers.services.judge import event_facts, judge
from triggers.services.keeping.tombstones import gone_since
from triggers.services.matching import listens
from workspaces.models import ItemState


@dataclass(frozen=True)
class Explanation:
    """One trigger's answer. ``outcome`` is empty where the trigger was not asked; ``detail`` then says why.

    ``because`` is the reason tree as JSON ({} where there is none); ``summary`` is one clause. ``is_purged``: what it
    was judged against is gone, so the verdict cannot be told any more. ``watches`` are those of the trigger that the
    event armed, or ended, or in whose name it came.
    """

    trigger: Trigger
    revision: TriggerRevision | None
    outcome: str
    summary: str
    suppressed_by: str = ""
    until: datetime | None = None
    detail: str = ""
    because: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision | None = None
    execution_id: int | None = None
    is_purged: bool = False
    watches: Sequence[Watch] = ()

    @property
    def was_asked(self) -> bool:
        return bool(self.outcome)


def explain(*, event: Event, trigger: Trigger) -> Explanation:
    """The answer of one trigger to one event."""
    watches = watches_of_event(event).get(trigger.pk, ())
    decision = Decision.objects.filter(event=event, trigger=trigger).select_related("revision").first()
    if decision is not None:
        return replace(_stored(trigger, decision, _fired(event)), watches=watches)
    generation = judging_generation(event)
    if generation != event.generation and trigger.pk not in asked_at([trigger.pk], generation=event.generation):
        words = "The trigger was not asked any more when the event was replayed."
        return Explanation(trigger, None, "", words, detail=words)
    standing = standing_at(trigger=trigger, generation=generation)
    return replace(_unstored(event, trigger, standing, cache(lambda: item_then(event))), watches=watches)


def explain_all(*, event: Event) -> list[Explanation]:
    """The answer of every trigger that was asked about an event, fired first; empty: no trigger listened to this."""
    decisions = Decision.objects.filter(event=event).select_related("trigger", "revision")
    fired, then = _fired(event), cache(lambda: item_then(event))
    answers = [_stored(decision.trigger, decision, fired) for decision in decisions]
    stored = {answer.trigger.pk for answer in answers}
    heard_by = hearing_revision_ids(event=event)
    generation = judging_generation(event)
    standings = standings_at(revision_ids=heard_by, generation=generation)
    if generation != event.generation:
        still = asked_at([one.trigger_id for one in standings], generation=event.generation)
        standings = [one for one in standings if one.trigger_id in still]
    answers += [_unstored(event, one.trigger, one, then) for one in standings if one.trigger_id not in stored]
    watches = watches_of_event(event)
    asked = [replace(one, watches=watches.get(one.trigger.pk, ())) for one in answers if one.was_asked]
    return sorted(asked, key=lambda answer: (_ORDER.index(Outcome(answer.outcome)), answer.trigger.pk))


_ORDER = [Outcome.FIRED, Outcome.SHADOWED, Outcome.ERROR, Outcome.SUPPRESSED, Outcome.NOT_MATCHED]


ItemThen = Callable[[], tuple[ItemFacts | None, bool]]
"""The item as it was before the event (read once for all triggers), and whether that is no longer known."""


def _fired(event: Event) -> Mapping[int, int]:
    """{trigger id: the execution that the event's firing led to}."""
    return dict(Firing.objects.filter(event=event).values_list("trigger_id", "execution_id"))


def because_of(decision: Decision) -> str:
    """What a stored answer came down to, in one clause."""
    return gone_since(decision.purged_at, "The reason") or decision.detail or _summary(decision.because)


def _stored(trigger: Trigger, decision: Decision, fired: Mapping[int, int]) -> Explanation:
    gone = gone_since(decision.purged_at, "The reason")
    return Explanation(
        trigger=trigger,
        revision=decision.revision,
        outcome=decision.outcome,
        summary=because_of(decision),
        suppressed_by=decision.suppressed_by,
        until=decision.until,
        detail=gone or decision.detail,
        is_purged=bool(gone),
        because=decision.because,
        facts=decision.facts,
        decision=decision,
        execution_id=fired.get(trigger.pk),
    )


def _summary(because: Mapping[str, Any]) -> str:
    return summary(Verdict.of(Node.from_json(because)))


def _unstored(event: Event, trigger: Trigger, standing: TriggerStanding | None, then: ItemThen) -> Explanation:
    why_not = _why_not_asked(event, trigger, standing)
    if why_not or standing is None or standing.revision is None:
        revision = standing.revision if standing is not None else None
        return Explanation(trigger, revision, "", why_not, detail=why_not)
    item, is_purged = then()
    if is_purged:
        gone = gone_since(event.purged_at, "What the event said") or "The item's state of that time is no longer kept."
        words = f"{gone} So this cannot be judged again; it did not fire."
        return Explanation(trigger, standing.revision, Outcome.NOT_MATCHED, words, detail=words, is_purged=True)
    verdict = judge(document=standing.revision.document, event=event_facts(event), item=item)
    return Explanation(
        trigger=trigger,
        revision=standing.revision,
        outcome=Outcome.NOT_MATCHED,
        summary=summary(verdict),
        because=verdict.because.as_json(),
    )


def _why_not_asked(event: Event, trigger: Trigger, standing: TriggerStanding | None) -> str:
    """Why the trigger was no candidate, as a sentence; empty where it was one."""
    if standing is None or standing.revision is None:
        return "Nothing of this trigger was published then."
    if standing.status not in ASKED:
        return f"The trigger was {TriggerStatus(standing.status).label.lower()} then."
    if event.origin == Origin.BACKFILL:
        return "The event only told what was there already; such events ask no trigger."
    if event.target_trigger_id is not None:
        return "" if event.target_trigger_id == trigger.pk else "The event was meant for another trigger only."
    if not listens(standing.revision.document, connection_id=event.connection_id, item_ids=item_ids_of(event)):
        return "The trigger did not listen to this item or connection then."
    return ""


def item_ids_of(event: Event) -> Sequence[int]:
    """What a trigger may listen by: the event's item and the one above it."""
    if event.item is None:
        return ()
    return [found for found in (event.item_id, event.item.parent_id) if found is not None]


def state_then(event: Event) -> Mapping[str, Any] | None:
    """The state of the event's item at the version that it was judged against; None where that is gone."""
    then = ItemState.objects.filter(item_id=event.item_id, version=event.item_version or 0).first()
    return then.state if then is not None else None


def item_then(
    event: Event, kept: Callable[[Event], Mapping[str, Any] | None] = state_then
) -> tuple[ItemFacts | None, bool]:
    """The item as it was before the event, and whether that, or what the event said, is no longer known. ``kept`` looks
    its state up.
    """
    item = event.item
    if event.purged_at is not None:
        return None, True
    if item is None:
        return None, event.item_version is not None
    version = event.item_version or 0
    if version == 0:
        return ItemFacts(kind=item.kind, key=item.external_key), False
    state = kept(event)
    if state is None:
        return None, True
    return ItemFacts(kind=item.kind, key=item.external_key, state=state, version=version), False
