"""One part of `bench match` in a process of its own: `fill COUNT`, or `measure COUNT` → one JSON object.

`fill` writes triggers into an empty database, as publishing leaves them; `measure` is a process that decides: it loads
the index and matches, round by round beside two naive scans.
"""

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from accounts.models import User
    from triggers.conditions.facts import EventFacts
    from triggers.matching.live import State

EVENTS = 3_000
ROUNDS = 3
NAIVE_ASKS = 300_000
"""Triggers that a naive scan asks in one round: fewer events where there are more triggers."""
EVALUATIONS = 20_000
Happening = tuple["EventFacts", tuple[int, ...]]


def publish(
    count: int, owner: "User", document_of: Callable[[int], dict[str, Any]], listener_of: Callable[[int], int]
) -> None:
    """Write active triggers, counted from 0, with their revisions, listeners and standings, in bulk."""
    from triggers.enums import TriggerStatus  # noqa: PLC0415 - models are there only after the set-up
    from triggers.models import Trigger, TriggerListener, TriggerRevision, TriggerStanding  # noqa: PLC0415

    numbers, now = range(count), datetime.now(UTC)
    times = {"created_at": now, "updated_at": now}
    new = [Trigger(pk=at + 1, name=f"Trigger {at}", owner=owner, **times) for at in numbers]
    Trigger.objects.bulk_create(new, batch_size=2_000)
    TriggerRevision.objects.bulk_create(
        (
            TriggerRevision(pk=at + 1, trigger_id=at + 1, number=1, document=document_of(at), created_at=now)
            for at in numbers
        ),
        batch_size=2_000,
    )
    for trigger in new:
        trigger.published_id, trigger.status = trigger.pk, TriggerStatus.ACTIVE
    Trigger.objects.bulk_update(new, ["published", "status"], batch_size=500)
    TriggerListener.objects.bulk_create(
        (TriggerListener(trigger_id=at + 1, listener_id=listener_of(at)) for at in numbers), batch_size=2_000
    )
    TriggerStanding.objects.bulk_create(
        (
            TriggerStanding(trigger_id=at + 1, generation=1, status=TriggerStatus.ACTIVE, revision_id=at + 1, at=now)
            for at in numbers
        ),
        batch_size=2_000,
    )


def fill(count: int) -> None:
    """Write triggers, their revisions, listeners and standings, in bulk."""
    from accounts.enums import Source  # noqa: PLC0415 - models are there only after the set-up
    from accounts.models import Connection, User  # noqa: PLC0415
    from dct_site.bench.match_world import document_of, item_of  # noqa: PLC0415
    from triggers.models import ContextListener  # noqa: PLC0415
    from workspaces.models import ContextItem  # noqa: PLC0415

    now = datetime.now(UTC)
    owner = User.objects.create(username="bench")
    where = Connection.objects.create(
        pk=1, name="bench", source=Source.JIRA, owner=owner, created_at=now, updated_at=now
    )
    watched = sorted({at for number in range(count) if (at := item_of(number)) is not None})
    ContextItem.objects.bulk_create(
        ContextItem(pk=at + 1, connection=where, kind="ticket", external_key=f"OPS-{at}", created_at=now)
        for at in watched
    )
    common = {"connection": where, "listener_type": "webhook", "created_at": now}
    ContextListener.objects.bulk_create(
        [ContextListener(pk=1, **common), *(ContextListener(pk=at + 2, item_id=at + 1, **common) for at in watched)]
    )
    publish(
        count,
        owner,
        lambda at: document_of(at, _listener_of(at), cooldown_s=60),
        lambda at: 1 if item_of(at) is None else (item_of(at) or 0) + 2,
    )


def _listener_of(number: int) -> dict[str, int]:
    from dct_site.bench.match_world import item_of  # noqa: PLC0415 - models are there only after the set-up

    item = item_of(number)
    return {"connection_id": 1} if item is None else {"context_item_id": item + 1}


def measure(count: int) -> dict[str, float]:
    """Figures by name: s of CPU for the load, µs of CPU for an event, MB, ms."""
    from triggers.services import generation, matching  # noqa: PLC0415 - models are there only after the set-up

    gc.collect()
    before_mb, began = _rss_mb(), time.process_time()
    state = matching.index_at(generation.current())
    told = {"load_s": time.process_time() - began, "django_mb": before_mb}
    told |= {"rss_mb": _rss_mb(), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if len(state.base) != count:
        raise RuntimeError(f"{len(state.base)} triggers were loaded of {count}")
    told |= _edits(count)
    told |= _matching(state, count)
    return told


def _edits(count: int) -> dict[str, float]:
    """ms of CPU until this process judges by an edit that was committed: by itself, and beside many others."""
    from triggers.services import generation, matching  # noqa: PLC0415 - models are there only after the set-up

    alone = [_edit([1 + at]) for at in range(ROUNDS)]
    _edit(list(range(1, min(count, 490) + 1)))
    beside = [_edit([1 + at]) for at in range(ROUNDS)]
    longest = max(_slices(matching._live.merging()), default=0.0)
    if matching.index_at(generation.current()).changed:
        raise RuntimeError("what was merged is beside the index still")
    return {"edit_ms": median(alone), "edit_beside_many_ms": median(beside), "merge_slice_ms": longest}


def _edit(trigger_ids: Sequence[int]) -> float:
    from django.db import transaction  # noqa: PLC0415 - models are there only after the set-up

    from triggers.models import TriggerStanding  # noqa: PLC0415
    from triggers.services import generation, matching  # noqa: PLC0415

    with transaction.atomic():
        at = generation.bump()
        TriggerStanding.objects.bulk_create(
            TriggerStanding(trigger_id=key, generation=at, status="active", revision_id=key, at=datetime.now(UTC))
            for key in trigger_ids
        )
    began = time.process_time()
    matching.index_at(generation.current())
    return (time.process_time() - began) * 1e3


def _slices(work: Iterator[None]) -> Iterator[float]:
    """ms of CPU of each piece of work between two pauses."""
    while True:
        began = time.thread_time()
        is_more = next(work, "over") is None
        yield (time.thread_time() - began) * 1e3
        if not is_more:
            return


def _matching(state: "State", count: int) -> dict[str, float]:
    """Mean and p99 of the index, the means of both scans: medians of rounds that take turns."""
    from dct_site.bench.match_world import MATCHES, events  # noqa: PLC0415 - models are there only after the set-up
    from triggers.conditions.evaluate import evaluate  # noqa: PLC0415
    from triggers.matching.program import compiled  # noqa: PLC0415
    from triggers.services.matching import scopes_of  # noqa: PLC0415

    entries = list(state.entries())
    trees = [json.loads(entry.conditions) for entry in entries]
    programs = [(frozenset(entry.scopes), compiled(tree)) for entry, tree in zip(entries, trees, strict=True)]
    asked = [(frozenset(entry.scopes), tree) for entry, tree in zip(entries, trees, strict=True)]

    def index(event: "EventFacts", scopes: tuple[int, ...]) -> int:
        return len(state.match(event, None, scopes))

    def scan(event: "EventFacts", scopes: tuple[int, ...]) -> int:
        return sum(not listens.isdisjoint(scopes) and holds(event, None) is not False for listens, holds in programs)

    def evaluated(event: "EventFacts", scopes: tuple[int, ...]) -> int:
        return sum(
            not listens.isdisjoint(scopes) and evaluate(tree, event, None).because.holds is not False
            for listens, tree in asked
        )

    def some(number: int, seed: int) -> list[Happening]:
        return [
            (event, scopes_of(connection_id=1, item_ids=() if item is None else (item + 1,)))
            for event, item in events(number, count, seed)
        ]

    told: dict[str, list[float]] = {"index_us": [], "index_p99_us": [], "scan_us": [], "evaluate_us": []}
    for seed in range(ROUNDS):
        happening = some(EVENTS, seed)
        if [index(*one) for one in _fresh(happening)] != [MATCHES] * EVENTS:
            raise RuntimeError("an event does not match what it should")
        told["index_us"].append(_mean_us(index, _fresh(happening)))
        told["index_p99_us"].append(_p99_us(index, _fresh(happening)))
        told["scan_us"].append(_mean_us(scan, some(max(2, NAIVE_ASKS // count), seed)))
        told["evaluate_us"].append(_mean_us(evaluated, some(max(2, EVALUATIONS // count), seed)))
    return {name: median(values) for name, values in told.items()}


def _fresh(happening: Sequence[Happening]) -> list[Happening]:
    """The same events, of which nothing has been prepared yet."""
    return [(replace(event), scopes) for event, scopes in happening]


def _mean_us(match: Callable[["EventFacts", tuple[int, ...]], int], happening: Sequence[Happening]) -> float:
    began = time.thread_time()
    for event, scopes in happening:
        match(event, scopes)
    return (time.thread_time() - began) / len(happening) * 1e6


def _p99_us(match: Callable[["EventFacts", tuple[int, ...]], int], happening: Sequence[Happening]) -> float:
    """Each by itself, the clock's own cost included."""
    took = []
    for event, scopes in happening:
        began = time.thread_time_ns()
        match(event, scopes)
        took.append((time.thread_time_ns() - began) / 1e3)
    return quantiles(took, n=100)[98]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main(words: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    what, count = words[0], int(words[1])
    if what == "fill":
        fill(count)
    else:
        sys.stdout.write(json.dumps(measure(count)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
