"""One pass of `bench clock`, told as a JSON object: `fill COUNT EVERY_S`, `idle`, `spread EVERY_S SECONDS`, `burst`."""

import heapq
import os
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

import django

from dct_site import interpreter
from dct_site.bench.intake_child import tell
from dct_site.logs import configure

ROUNDS = 200
SCANS = 5
LEAD_S = 5.0
"""From now to the first slot, so that the loop is at work by then."""
BURST_LEAD_S = 30.0
"""Schedules stand for longer than the clock looks ahead before they are due, also where all are due at once."""
PATIENCE_S = 120.0


def fill(count: int, every_s: int) -> None:
    """Write schedules beside a clock, in bulk."""
    from accounts.enums import Source  # noqa: PLC0415 - models are there only after the set-up
    from accounts.models import Connection, User  # noqa: PLC0415
    from triggers.enums import ListenerType  # noqa: PLC0415
    from triggers.models import ContextListener, Schedule  # noqa: PLC0415
    from workspaces.enums import ItemKind  # noqa: PLC0415
    from workspaces.models import ContextItem  # noqa: PLC0415

    now = datetime.now(UTC)
    owner = User.objects.create(username="bench")
    where = Connection.objects.create(name="Clock", source=Source.SCHEDULE, owner=owner, created_at=now, updated_at=now)
    items = ContextItem.objects.bulk_create(
        ContextItem(connection=where, kind=ItemKind.SCHEDULE, external_key=f"s-{at}", title=f"S {at}", created_at=now)
        for at in range(count)
    )
    rows = ContextListener.objects.bulk_create(
        ContextListener(connection=where, item=item, listener_type=ListenerType.SCHEDULE, created_at=now)
        for item in items
    )
    times = dict.fromkeys(("anchor_at", "mark_at", "created_at", "updated_at"), now)
    Schedule.objects.bulk_create(
        Schedule(listener=row, every_s=every_s, timezone="Europe/Paris", next_at=now + timedelta(days=1), **times)
        for row in rows
    )


def idle() -> dict[str, float]:
    """What a look costs with nothing due; and one at every schedule, as by who keeps no index of what is next."""
    from triggers.models import Schedule  # noqa: PLC0415 - models are there only after the set-up
    from triggers.services.clock import fire_due  # noqa: PLC0415

    now = datetime.now(UTC)
    fire_due(now=now)
    began = time.process_time()
    for _ in range(ROUNDS):
        fire_due(now=now)
    due = time.process_time() - began
    began = time.process_time()
    for _ in range(SCANS):
        if [row for row in Schedule.objects.all() if row.next_at is not None and row.next_at <= now]:
            raise SystemExit("nothing was to be due")
    scan = time.process_time() - began
    return {"rounds": ROUNDS, "due_us_cpu": due / ROUNDS * 1e6, "scan_us_cpu": scan / SCANS * 1e6}


def spread(every_s: int, seconds: int) -> dict[str, float]:
    """The schedules' slots lie evenly over their interval; the clock runs for so many seconds."""
    first = datetime.now(UTC) + timedelta(seconds=LEAD_S)
    instants = _set_up(first, every_s)
    late, cpu_s = _run(until=first + timedelta(seconds=seconds))
    floor = _heap([at for at in instants if at < first + timedelta(seconds=min(seconds, 3))])
    return {
        "fired": len(late),
        "us_cpu": cpu_s / len(late) * 1e6,
        "cpu_share": cpu_s / (seconds + LEAD_S),
        **_cuts("late", late),
        **_cuts("heap", floor),
    }


def burst() -> dict[str, float]:
    """All are due at the same instant."""
    first = datetime.now(UTC) + timedelta(seconds=BURST_LEAD_S)
    count = len(_set_up(first, 0))
    stamps: list[float] = []
    late, _ = _run(until=first + timedelta(seconds=1), wanted=count, stamps=stamps)
    return {"fired": len(late), "us_cpu": (stamps[-1] - stamps[0]) / len(late) * 1e6, **_cuts("late", late)}


def _set_up(first: datetime, span_s: float) -> list[datetime]:
    """Give each schedule its next slot, from ``first`` on; the instants, in order."""
    from django.db import connection, transaction  # noqa: PLC0415 - models are there only after the set-up

    from triggers.models import Schedule  # noqa: PLC0415

    ids = list(Schedule.objects.order_by("pk").values_list("pk", flat=True))
    instants = [first + timedelta(seconds=span_s) * at / len(ids) for at in range(len(ids))]
    stored = connection.ops.adapt_datetimefield_value
    values = [
        (stored(at), stored(at), stored(at - timedelta(seconds=1)), pk) for at, pk in zip(instants, ids, strict=True)
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE triggers_schedule SET anchor_at = %s, next_at = %s, mark_at = %s, mark_key = '~' WHERE id = %s",
            values,
        )
    if datetime.now(UTC) >= first:
        raise SystemExit("the set-up took longer than the time before the first slot")
    return instants


def _run(*, until: datetime, wanted: int = 0, stamps: list[float] | None = None) -> tuple[list[float], float]:
    """The engine's own loop until then, and until so many have fired: ms from due to committed, and its CPU.

    ``stamps`` get what its thread had used before and after each transaction.
    """
    used: list[float] = [] if stamps is None else stamps
    from dct_site.engine.work import engine_loops  # noqa: PLC0415 - models are there only after the set-up
    from triggers.services import clock as service  # noqa: PLC0415

    late: list[float] = []
    plain = service._take

    def noted(steps: Any, now: datetime) -> None:
        used.append(time.thread_time())
        plain(steps, now)
        used.append(time.thread_time())
        at = time.time()
        late.extend((at - ready.due.fires_at.timestamp()) * 1e3 for step in steps for ready in step.fires)

    service._take = noted
    loop = next(one for one in engine_loops() if one.name == "clock")
    thread = threading.Thread(target=loop.run, daemon=True)
    began, patience = time.process_time(), time.monotonic() + PATIENCE_S
    thread.start()
    while (datetime.now(UTC) < until or len(late) < wanted) and time.monotonic() < patience:
        time.sleep(0.05)
    cpu_s = time.process_time() - began
    loop.stop()
    thread.join()
    if len(late) < max(wanted, 1):
        raise SystemExit("not everything fired in time")
    return late, cpu_s


def _heap(instants: Sequence[datetime]) -> list[float]:
    """The least that a loop of the same pace comes to: the same slots in memory, nothing written."""
    from dct_site.engine.work import SWEEPS  # noqa: PLC0415 - models are there only after the set-up
    from dct_site.kernel.wake import Topic  # noqa: PLC0415

    shift = time.time() + 0.5 - instants[0].timestamp()
    queue = [at.timestamp() + shift for at in instants]
    heapq.heapify(queue)
    late = []
    while queue:
        now = time.time()
        while queue and queue[0] <= now:
            late.append((now - heapq.heappop(queue)) * 1e3)
        time.sleep(SWEEPS[Topic.CLOCK])
    return late


def _cuts(name: str, values: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {f"{name}_p50_ms": cuts[49], f"{name}_p99_ms": cuts[98]}


def main(words: list[str]) -> None:
    interpreter.take_short_turns()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    configure(role="bench", as_json=False)
    numbers = [int(word) for word in words[1:]]
    if words[0] == "fill":
        fill(*numbers)
        tell({})
        return
    passes: dict[str, Any] = {"idle": idle, "spread": spread, "burst": burst}
    tell(passes[words[0]](*numbers))


if __name__ == "__main__":
    main(sys.argv[1:])
