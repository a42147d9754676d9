"""The paced drain: what an outage left behind is worked off beside fresh events, not before them.

A live event that had to wait for longer than the limit until it was decided belongs to a backlog. Its decision is the
same as ever, in the order of its item. Its execution gets a turn: behind fresh ones of its priority, a trigger after
the other, in a share of the slots (``agents.services.admission``).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count

from agents.models import Limits
from agents.selectors.backlog import turns_after
from agents.services.admission.limits import BOUNDS
from triggers.documents import LimitsPart
from triggers.enums import Origin
from triggers.models import Event
from triggers.services.decide import sql as decide_sql
from triggers.services.decide.plan import Plan
from triggers.services.execution_start import start_key
from triggers.sources import registry

NEVER_OLD = timedelta(seconds=BOUNDS["backlog_after_s"][0])
"""Younger than the limit may be set to."""


def give_turns(plan: Plan) -> None:
    """Say of each execution that the plan begins whether it belongs to a backlog, and at which turn.

    Reads outside of the commit: a turn that another decider gives at the same time shares it, and the older id goes
    first.
    """
    begun = [(one.event, answer) for one, answer in plan.begun if one.event.origin == Origin.LIVE]
    if not begun:
        return
    aged = [(event, answer, plan.now - known_since(event)) for event, answer in begun]
    if max(age for _, _, age in aged) < NEVER_OLD:
        return
    limits = decide_sql.limits()
    old = [(event, answer, age) for event, answer, age in aged if is_old(event, plan.now, backlog_after(limits))]
    if not old:
        return
    turns = _turns({start_key(answer.candidate.id) for _, answer, _ in old})
    for event, answer, age in old:
        answer.backlog_turn = next(turns[start_key(answer.candidate.id)])
        answer.expires_at = stale_at(event, answer.candidate.document.limits)
        answer.facts = {**answer.facts, "age_s": int(age.total_seconds()), "backlog_after_s": limits.backlog_after_s}
        answer.detail = f"it was {int(age.total_seconds())} s old when it was decided: its run goes with the backlog"


def known_since(event: Event) -> datetime:
    """Since when an event might have been decided: since it was accepted, or since it happened where it was fetched.

    A webhook's own time says nothing of an outage: a push of old commits, or a payload from an archive, is fresh.
    """
    is_fetched = event.source in registry and registry.get(event.source).poller is not None
    return min(event.time, event.accepted_at) if is_fetched else event.accepted_at


def is_old(event: Event, now: datetime, limit: timedelta) -> bool:
    """Whether an event that is decided now belongs to a backlog."""
    return event.origin == Origin.LIVE and now - known_since(event) > limit


def backlog_after(limits: Limits) -> timedelta:
    """The age at which a backlog begins."""
    return timedelta(seconds=limits.backlog_after_s)


def _turns(keys: set[str]) -> Mapping[str, Iterator[int]]:
    """Each key's next turns. A key that has none waiting joins at the turn that is due: it neither goes before all
    others, nor behind the last of a key with thousands.
    """
    at, last = turns_after(keys)
    return {key: count(max(at, last.get(key, 0) + 1)) for key in keys}


def stale_at(event: Event, limits: LimitsPart) -> datetime | None:
    """What was not stale when it was decided is not started either once it is."""
    limit = limits.stale_after_s
    if limit is None:
        return None
    return min(event.time, event.accepted_at) + timedelta(seconds=limit)
