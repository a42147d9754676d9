"""Holds the rows of an installation to what its clients were told: `HISTORY WITHIN` → one finding a line as JSON.

In a process of its own, on the installation's database. Waits for WITHIN seconds until nothing is under way any more.
"""

import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import django

from dct_site.chaos import ledger
from dct_site.chaos.history import Told, read

LOOK_EVERY_S = 0.25
Check = Callable[[Sequence[Told]], Iterator[str]]
"""Takes the history and says what is wrong, sentence by sentence."""


def end_what_the_dead_hold() -> None:
    """Let the leases of processes that were all killed be over now, instead of in a minute."""
    from agents.models import AgentRun  # noqa: PLC0415 - models are there only after the set-up
    from agents.services.fence import ALIVE  # noqa: PLC0415
    from triggers.enums import ExecutionStatus  # noqa: PLC0415
    from triggers.models import ContextListener, Execution  # noqa: PLC0415

    now = datetime.now(UTC)
    AgentRun.objects.filter(status__in=ALIVE).update(lease_until=now)
    Execution.objects.filter(status=ExecutionStatus.STARTING, lease_until__isnull=False).update(lease_until=now)
    ContextListener.objects.exclude(claimed_by="").update(claimed_until=now)


def under_way() -> int:
    """How many deliveries wait for their decision, and executions that have not ended and wait for nobody."""
    from triggers.enums import ExecutionStatus  # noqa: PLC0415
    from triggers.models import Execution, PendingDelivery  # noqa: PLC0415

    resting = [*Execution.MOVES.terminal, ExecutionStatus.NEEDS_ATTENTION]
    return PendingDelivery.objects.count() + Execution.objects.exclude(status__in=resting).count()


def restless(within_s: float) -> list[str]:
    """Wait until nothing is under way; where that takes longer, how it went: a system that is stuck and one that is
    slow look alike at the end.
    """
    until, counts = time.monotonic() + within_s, [under_way()]
    while counts[-1] and time.monotonic() < until:
        time.sleep(min(LOOK_EVERY_S, max(0.0, until - time.monotonic())))
        counts.append(under_way())
    seen = ", ".join(str(count) for count in counts[:: max(1, len(counts) // 8)])
    return [f"not within {within_s:g} s: {seen}, at last {counts[-1]} were under way"] if counts[-1] else []


def nothing_acknowledged_is_lost(history: Sequence[Told]) -> Iterator[str]:
    """Promise 1."""
    from triggers.models import Delivery  # noqa: PLC0415

    stored = dict(Delivery.objects.values_list("pk", "delivery_key"))
    for one in history:
        if one.is_acknowledged and stored.get(one.delivery) != one.key:
            yield f"delivery {one.delivery} ({one.key}) was acknowledged and is not there"


def a_repeat_is_the_same_delivery(history: Sequence[Told]) -> Iterator[str]:
    """Promise 3."""
    from triggers.models import Delivery  # noqa: PLC0415

    told = defaultdict(set)
    for one in history:
        if one.is_acknowledged:
            told[one.key].add(one.delivery)
    yield from (f"{key} was told to be {sorted(ids)}" for key, ids in told.items() if len(ids) > 1)
    rows = Counter(Delivery.objects.exclude(delivery_key=None).values_list("connection_id", "delivery_key"))
    yield from (f"{key} is {count} rows" for (_, key), count in rows.items() if count > 1)


def nobody_entered_without_the_secret(history: Sequence[Told]) -> Iterator[str]:
    """Promises 4 and 5: a forgery is a 401, or finds nobody at home."""
    from triggers.models import Delivery  # noqa: PLC0415

    keys = set(Delivery.objects.exclude(delivery_key=None).values_list("delivery_key", flat=True))
    for one in history:
        if one.is_forged and (one.is_acknowledged or one.key in keys):
            yield f"the forged {one.key} was answered {one.status}"


def every_answer_was_one_that_is_promised(history: Sequence[Told]) -> Iterator[str]:
    """Promises 2 and 7: what is no 2xx is a 401 to a forgery, or a 503."""
    for one in history:
        promised = (401, 503) if one.is_forged else (503,)
        if one.is_answered and not one.is_acknowledged and one.status not in promised:
            yield f"{one.key} was answered {one.status}"


def every_delivery_has_an_answer(_: Sequence[Told]) -> Iterator[str]:
    """Promise 10: decided, with an outcome that is no error."""
    from triggers.enums import DeliveryStatus  # noqa: PLC0415
    from triggers.models import Delivery, DeliveryOutcome  # noqa: PLC0415

    waiting = Delivery.objects.filter(rejection="", outcome__isnull=True).values_list("pk", flat=True)
    yield from (f"delivery {pk} was never decided" for pk in waiting)
    failed = DeliveryOutcome.objects.filter(status=DeliveryStatus.ERROR)
    yield from (f"delivery {one.pk}: {one.detail}" for one in failed)


def each_change_ran_once(history: Sequence[Told]) -> Iterator[str]:
    """Promise 9: whatever the number of its deliveries, one event and one execution of the one trigger it fires.

    The event may be of a delivery that was stored though its sender never heard so.
    """
    from triggers.models import Delivery, Event, Execution  # noqa: PLC0415

    by_key = {one.key: one.change for one in history if not one.is_forged}
    keys = Delivery.objects.exclude(delivery_key=None).values_list("pk", "delivery_key")
    changes = {pk: by_key[key] for pk, key in keys if key in by_key}
    rows = Event.objects.filter(delivery_id__isnull=False).values_list("pk", "delivery_id")
    events = {pk: changes[delivery] for pk, delivery in rows if delivery in changes}
    event_count = Counter(events.values())
    runs = Counter(events[pk] for pk in Execution.objects.values_list("event_id", flat=True) if pk in events)
    for change in sorted(set(changes.values())):
        if (event_count[change], runs[change]) != (1, 1):
            yield f"change {change} is {event_count[change]} events and {runs[change]} executions"


def every_execution_ended_well(_: Sequence[Told]) -> Iterator[str]:
    """Promises 12 and 32: it succeeded, and its deliverable is there."""
    from triggers.enums import ExecutionStatus  # noqa: PLC0415
    from triggers.models import Execution  # noqa: PLC0415
    from workspaces import files  # noqa: PLC0415

    for one in Execution.objects.select_related("workspace"):
        if one.status != ExecutionStatus.SUCCEEDED:
            yield f"execution {one.pk} is {one.status}: {one.reason}"
        elif one.workspace is None or not any((files.root_of(one.workspace) / "feedback").iterdir()):
            yield f"execution {one.pk} succeeded without anything delivered"


def one_attempt_lived_at_a_time(_: Sequence[Told]) -> Iterator[str]:
    """Promise 11: an agent's next run began after the one before it was over, by its rows and by what the agents noted
    of their own lives.
    """
    from agents.models import AgentRun  # noqa: PLC0415 - models are there only after the set-up

    # Their times are of a clock that was set meanwhile, so only the order of the epochs says anything.
    newest: dict[int, int] = {}
    for run in AgentRun.objects.order_by("agent_id", "-epoch"):
        if run.epoch < newest.setdefault(run.agent_id, run.epoch) and run.ended_at is None:
            yield f"run {run.epoch} of agent {run.agent_id} never ended, and {newest[run.agent_id]} began"
    for workspace, lives in _ledgers():
        for one, other in ledger.overlapping(lives):
            yield f"two agents lived at once in workspace {workspace}, for {one.last - other.began:.2f} s"


def the_limit_held_at_every_instant(_: Sequence[Told]) -> Iterator[str]:
    """Promise 16."""
    from agents.models import Limits  # noqa: PLC0415

    most, limit = ledger.most_at_once(chain(*(lives for _, lives in _ledgers()))), Limits.objects.get().max_agents
    if most > limit:
        yield f"{most} agents lived at once, {limit} may"


def who_succeeded_had_finished(_: Sequence[Told]) -> Iterator[str]:
    """Promise 32: no success is told of an agent that never came to its end."""
    from triggers.enums import ExecutionStatus  # noqa: PLC0415
    from triggers.models import Execution  # noqa: PLC0415

    finished = {workspace for workspace, lives in _ledgers() if any(life.is_finished for life in lives)}
    for one in Execution.objects.filter(status=ExecutionStatus.SUCCEEDED):
        if one.workspace_id not in finished:
            yield f"execution {one.pk} succeeded, and its agent noted no end"


def _ledgers() -> Iterator[tuple[int, list[ledger.Life]]]:
    """(workspace, what the agents in it noted), for each that came of an event."""
    from triggers.models import Execution  # noqa: PLC0415
    from workspaces import files  # noqa: PLC0415

    for one in Execution.objects.exclude(workspace=None).select_related("workspace"):
        if one.workspace is not None:
            yield one.workspace.pk, ledger.read(files.root_of(one.workspace))


def the_invariants_hold(_: Sequence[Told]) -> Iterator[str]:
    """What `./dct doctor --invariants` asks."""
    from triggers.selectors.invariants import broken  # noqa: PLC0415

    yield from (one.text for one in broken(now=datetime.now(UTC)))


CHECKS: Sequence[Check] = (
    nothing_acknowledged_is_lost,
    a_repeat_is_the_same_delivery,
    nobody_entered_without_the_secret,
    every_answer_was_one_that_is_promised,
    every_delivery_has_an_answer,
    each_change_ran_once,
    every_execution_ended_well,
    one_attempt_lived_at_a_time,
    the_limit_held_at_every_instant,
    who_succeeded_had_finished,
    the_invariants_hold,
)


def findings(history: Sequence[Told]) -> Iterator[tuple[str, list[str]]]:
    """(the check in words, what is wrong) for each; nothing wrong is an empty list."""
    for check in CHECKS:
        yield check.__name__.replace("_", " "), list(check(history))


def main(words: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    if words == ["age"]:
        end_what_the_dead_hold()
        return
    history = read(Path(words[0]))
    told = [("everything comes to rest", restless(float(words[1]))), *findings(history)]
    for check, wrong in told:
        sys.stdout.write(json.dumps({"check": check, "wrong": wrong}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
