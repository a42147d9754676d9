"""What a trigger answers to an event of a batch, beside what the batch has answered before; nothing is written here."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from accounts.models import Connection
from triggers.conditions.verdict import Verdict
from triggers.enums import Outcome, TriggerStatus
from triggers.services.decide_answers import Answer, Question
from triggers.services.decide_bounds import Work
from triggers.services.decide_events import is_by_hand, is_slot
from triggers.services.decide_ledger import Ledger
from triggers.services.decide_past import Past, Seen, Stored
from triggers.services.decide_rights import Rights
from triggers.services.decide_rules import Circumstances, delayed_until, displaced, merges, suppression
from triggers.services.decide_watches import Watches
from triggers.services.judge import judge, judged_by_hand
from triggers.services.matching import Candidate
from triggers.services.own_writes import own_actors_of

JOINED = "it joined the run for the same item that still waits"


class Judge:
    """Answers the questions of a batch, in order. ``is_trial``: a dry run, to which "not matched" is an answer too."""

    def __init__(
        self,
        *,
        connections: Mapping[int, Connection],
        ledger: Ledger,
        watches: Watches,
        stored: Stored,
        seen: Sequence[Seen],
        now: datetime,
        is_trial: bool,
    ) -> None:
        self._connections = connections
        self._ledger = ledger
        self._watches = watches
        self._stored = stored
        self._seen = seen
        self._now = now
        self._is_trial = is_trial
        self._rights = Rights()

    def answer(self, one: Candidate, asked: Question) -> Answer | None:
        """What one trigger answers; None for a no that is judged again when somebody wants to know."""
        if asked.facts is None:
            return self._told(one, asked, judged_by_hand(actor=asked.planned.event.actor))
        past = self._past(one, asked)
        verdict = judge(document=one.raw, event=asked.facts, item=asked.item, past=past)
        unwatched = "" if self._is_trial else self._watches.see(one, asked.planned, asked.facts, asked.item)
        if unwatched and verdict.error is None and not verdict.matched:
            return Answer(one, Outcome.ERROR, detail=unwatched, because=verdict.because.as_json(), counted=past.counted)
        if verdict.error is None and not verdict.matched and not self._is_trial and past.counted is None:
            # What looked at other events could not be judged again.
            return None
        answer = self._told(one, asked, verdict)
        answer.counted = past.counted
        if self._is_trial and asked.planned.slot is not None:
            answer.would_arm, answer.would_disarm = self._watches.would(one, asked.facts, asked.item)
        if unwatched:
            answer.facts = {**answer.facts, "not_watched": unwatched}
        return answer

    def _past(self, one: Candidate, asked: Question) -> Past:
        event, slot = asked.planned.event, asked.planned.slot
        item_id = slot.row.pk if slot is not None else None
        batch = self._seen[: asked.number]
        return Past(self._stored, event, item_id, one.raw.get("conditions"), batch, slot, one.id)

    def _told(self, one: Candidate, asked: Question, verdict: Verdict) -> Answer:
        because = verdict.because.as_json()
        if verdict.error is not None:
            return Answer(one, Outcome.ERROR, detail=verdict.error[:500], because=because)
        if not verdict.matched:
            return Answer(one, Outcome.NOT_MATCHED, because=because)
        event = asked.planned.event
        is_draft = asked.wish is not None and asked.wish.is_draft
        joins = self._ledger.bounds.mergeable(one, asked.planned.slot, event.trust_tier) if not is_draft else None
        given = self._circumstances(one, asked, joins)
        held = suppression(given)
        if held is not None:
            return Answer(
                one, Outcome.SUPPRESSED, held.by, held.until, None, held.detail[:500], because, dict(held.facts)
            )
        if one.trigger.status == TriggerStatus.SHADOW:
            return Answer(one, Outcome.SHADOWED, because=because)
        if merges(given):
            self._ledger.fire(one, accepted_at=event.accepted_at, not_before=None)
            return Answer(one, Outcome.FIRED, detail=JOINED, because=because, joins=joins)
        not_before = delayed_until(given)
        self._ledger.fire(one, accepted_at=event.accepted_at, not_before=not_before)
        answer = Answer(one, Outcome.FIRED, not_before=not_before, because=because)
        answer.displaces = self._ledger.bounds.drop(one, displaced(given))
        self._ledger.bounds.begin(one, asked.planned.slot, event.trust_tier, answer, is_apart=is_draft)
        return answer

    def _circumstances(self, one: Candidate, asked: Question, joins: Work | None) -> Circumstances:
        event, slot, order = asked.planned.event, asked.planned.slot, asked.order
        connection = self._connections[event.connection_id]
        return Circumstances(
            status=one.trigger.status,
            limits=one.document.limits,
            origin=event.origin,
            hop=event.hop,
            is_late=event.is_late,
            actor=event.actor if not is_by_hand(event) else "",
            # What a schedule makes up for is late by its own policy, not stale.
            event_time=event.accepted_at if is_slot(event) else event.time,
            accepted_at=event.accepted_at,
            now=self._now,
            own_actors=own_actors_of(connection.config),
            is_source_paused=connection.is_paused or not connection.is_enabled,
            rights_problem=self._rights.problem(one, connection, slot.row if slot is not None else None),
            last_fired_at=self._ledger.cooldowns.last_fired_at(one),
            free_at=self._ledger.cooldowns.free_at(one),
            is_cooldown_bypassed=order is not None and order.is_cooldown_bypassed,
            rate_free_at=self._ledger.rates.free_at(one),
            storm_firings=self._ledger.rates.storm_firings(one, event.accepted_at),
            queued=self._ledger.bounds.queued(one),
            same_item=self._ledger.bounds.same_item(one, slot),
            is_mergeable=joins is not None,
        )
