"""What a trigger answers to an event of a batch, beside what the batch has answered before; nothing is written here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from accounts.models import Connection
from triggers.conditions.verdict import Verdict
from triggers.enums import Outcome, OverlapPolicy, TriggerStatus
from triggers.services.decide.answers import Answer, Question
from triggers.services.decide.bounds import Work, queued
from triggers.services.decide.events import is_by_hand, is_slot
from triggers.services.decide.gather import begun, role, told_first, told_more
from triggers.services.decide.items import Slot
from triggers.services.decide.ledger import Ledger
from triggers.services.decide.past import Past, Seen, Stored
from triggers.services.decide.rights import Rights
from triggers.services.decide.rules import (
    Circumstances,
    delayed_until,
    displaced,
    gathers,
    merges,
    replaces,
    suppression,
)
from triggers.services.decide.watches import Watches
from triggers.services.judge import judge, judged_by_hand
from triggers.services.matching import Candidate
from triggers.services.own_writes import own_actors_of

JOINED = "it joined the run for the same item that still waits"
REPLACED = "it replaces the run for the same item that was under way"


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
        given = self._circumstances(one, asked)
        held = suppression(given)
        if held is not None:
            return Answer(
                one, Outcome.SUPPRESSED, held.by, held.until, None, held.detail[:500], because, dict(held.facts)
            )
        if one.trigger.status == TriggerStatus.SHADOW:
            return Answer(one, Outcome.SHADOWED, because=because)
        return self._fired(one, asked, given, because)

    def _fired(self, one: Candidate, asked: Question, given: Circumstances, because: dict[str, Any]) -> Answer:
        joins, gathering = (None, None) if given.is_apart else self._open(one, asked)
        if gathering is not None and gathers(given):
            return self._take_in(one, asked, gathering, because)
        if merges(given):
            self._ledger.fire(one, asked.planned.slot, accepted_at=asked.planned.event.accepted_at, not_before=None)
            if joins is not None and joins.execution_id is None:
                joins.answer.event_count += 1
            return Answer(one, Outcome.FIRED, detail=JOINED, because=because, joins=joins)
        return self._begin(one, asked, given, because)

    def _open(self, one: Candidate, asked: Question) -> tuple[Work | None, Work | None]:
        """What waits and may take the event in: in the queue, and for its time."""
        bounds, slot, tier = self._ledger.bounds, asked.planned.slot, asked.planned.event.trust_tier
        gathering = bounds.gathering(one, slot, tier, now=self._now) if one.document.limits.gathers else None
        return bounds.mergeable(one, slot, tier), gathering

    def _take_in(self, one: Candidate, asked: Question, work: Work, because: dict[str, Any]) -> Answer:
        self._ledger.bounds.take_in(one, work, now=self._now)
        assert work.gathering is not None  # noqa: S101 - found for it
        accepted_at, limits = asked.planned.event.accepted_at, one.document.limits
        self._ledger.fire(one, asked.planned.slot, accepted_at=accepted_at, not_before=work.gathering.until)
        told = told_more(limits, work.gathering.count)
        return Answer(one, Outcome.FIRED, detail=told, because=because, joins=work, role=role(limits))

    def _begin(self, one: Candidate, asked: Question, given: Circumstances, because: dict[str, Any]) -> Answer:
        event, slot, bounds = asked.planned.event, asked.planned.slot, self._ledger.bounds
        limits, not_before = one.document.limits, delayed_until(given)
        answer = Answer(one, Outcome.FIRED, because=because, is_apart=given.is_apart)
        gathering = begun(limits, self._now, not_before) if not given.is_apart else None
        if gathering is not None:
            not_before, answer.detail, answer.gathers = gathering.until, told_first(limits), True
        answer.not_before = not_before
        self._ledger.fire(one, slot, accepted_at=event.accepted_at, not_before=not_before)
        if replaces(given):
            answer.replaces = bounds.replace(one, slot)
            answer.detail = REPLACED if answer.replaces else answer.detail
        answer.displaces = bounds.drop(one, displaced(given))
        bounds.begin(one, slot, event.trust_tier, answer, is_apart=given.is_apart, gathering=gathering)
        return answer

    def _queued(self, one: Candidate, slot: Slot | None, *, is_apart: bool) -> int:
        """How many of its runs wait beside the ones that the event would replace."""
        bounds = self._ledger.bounds
        is_replacing = one.document.limits.overlap == OverlapPolicy.CANCEL_RUNNING and not is_apart
        return bounds.queued(one) - (queued(bounds.replaceable(one, slot)) if is_replacing else 0)

    def _circumstances(self, one: Candidate, asked: Question) -> Circumstances:
        event, slot, order = asked.planned.event, asked.planned.slot, asked.order
        connection = self._connections[event.connection_id]
        is_apart = asked.wish is not None and asked.wish.is_draft
        joins, gathering = (None, None) if is_apart else self._open(one, asked)
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
            last_fired_at=self._ledger.cooldowns.last_fired_at(one, slot),
            free_at=self._ledger.cooldowns.free_at(one, slot),
            is_cooldown_bypassed=order is not None and order.is_cooldown_bypassed,
            rate_free_at=self._ledger.rates.free_at(one),
            storm_firings=self._ledger.rates.storm_firings(one, event.accepted_at),
            queued=self._queued(one, slot, is_apart=is_apart),
            same_item=self._ledger.bounds.same_item(one, slot),
            is_mergeable=joins is not None,
            is_gathering=gathering is not None,
            is_apart=is_apart,
        )
