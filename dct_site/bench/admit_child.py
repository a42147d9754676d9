"""One process of `bench admit`: `fill STARTS TRIGGERS KEY_LIMIT` makes the queue anew and empties the pools;
`admit BATCH` and `claim BATCH` wait for a line, then take from it until nothing is left that fits, and tell how many
they took. `count` tells what is held.

What starts has a handler that does nothing, so that the figure is admission's own: limits, holds, keys, order, slots
and journal. `claim` is the plain thing: UPDATE … WHERE id IN (SELECT … FOR UPDATE SKIP LOCKED LIMIT …).
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import django

from dct_site import interpreter
from dct_site.bench.intake_child import make_hook, tell
from dct_site.logs import configure

KIND = "bench"
SPARE = 5
"""For so many starts that fit there is one more that does not: a limit that nobody meets is no limit."""


class Nothing:
    """A handler of starts that has nothing to do."""

    def is_held(self, start: object) -> str:  # noqa: ARG002 - the port's shape
        return ""

    def on_admitted(self, start: object, now: datetime) -> None:
        """Nothing follows."""

    def on_expired(self, start: object, now: datetime) -> None:
        """Nothing follows."""


def fill(count: int, triggers: int, key_limit: int) -> None:
    """So many starts that wait, and a few more, of so many triggers; every pool empty, limited to ``count``."""
    from django.db import connection, transaction  # noqa: PLC0415 - configured only after the set-up

    from agents.models import Limits, SlotHolder, StartRequest  # noqa: PLC0415
    from agents.services.admission import request_starts  # noqa: PLC0415

    ids = trigger_ids(triggers)
    SlotHolder.objects.all().delete()
    StartRequest.objects.all().delete()
    Limits.objects.update(max_agents=count, max_workspaces=count, reserved_percent=25, reserved_from_priority=8)
    now = datetime.now(UTC)
    wishes = [
        StartRequest(
            kind=KIND,
            subject_id=number,
            priority=(5, 5, 8, 3, 9, 8, 8, 9)[number // triggers % 8],
            queued_at=now,
            concurrency_key=f"trigger:{ids[number % triggers]}",
            key_limit=key_limit,
            refs={"trigger": ids[number % triggers]},
        )
        for number in range(count + count // SPARE)
    ]
    request_starts(wishes=wishes, now=now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_claim")
        cursor.execute("CREATE TABLE bench_claim (id integer PRIMARY KEY, status varchar(10), priority integer)")
        cursor.execute("CREATE INDEX bench_ready ON bench_claim (priority DESC, id) WHERE status = 'waiting'")
        rows = [(number, 5 + number % 3) for number in range(count)]
        cursor.executemany("INSERT INTO bench_claim VALUES (%s, 'waiting', %s)", rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def trigger_ids(count: int) -> list[int]:
    """The triggers of the queue, made once."""
    from accounts.models import User  # noqa: PLC0415 - models are there only after the set-up
    from dct_site.bench.match_child import publish  # noqa: PLC0415
    from dct_site.bench.match_world import document_of  # noqa: PLC0415
    from triggers.models import ContextListener, Trigger, WebhookEndpoint  # noqa: PLC0415

    if not Trigger.objects.exists():
        path = make_hook()
        owner = User.objects.get(username="bench")
        where = WebhookEndpoint.objects.get(path=path).connection_id
        listener = ContextListener.objects.get(connection_id=where, item=None)
        publish(count, owner, lambda at: document_of(at, {"connection_id": where}), lambda _: listener.pk)
    return list(Trigger.objects.order_by("pk").values_list("pk", flat=True)[:count])


def held() -> dict[str, int]:
    """How many starts hold slots, and the most that one trigger does."""
    from django.db.models import Count  # noqa: PLC0415 - configured only after the set-up

    from agents.models import StartRequest  # noqa: PLC0415

    admitted = StartRequest.objects.filter(status="admitted").order_by()
    per_key = admitted.values("concurrency_key").annotate(count=Count("pk")).values_list("count", flat=True)
    return {"held": admitted.count(), "most_of_a_key": max(per_key, default=0)}


def admit_some(batch: int) -> int:
    """One admission, as the engine does it."""
    from agents.services.admission import admit  # noqa: PLC0415 - models are there only after the set-up

    return admit(now=datetime.now(UTC), limit=batch)


def claim_some(batch: int) -> int:
    """One plain claim."""
    from django.db import connection, transaction  # noqa: PLC0415 - configured only after the set-up

    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE bench_claim SET status = 'taken' WHERE id IN (SELECT id FROM bench_claim"  # noqa: S608 - a constant
            f" WHERE status = 'waiting' ORDER BY priority DESC, id LIMIT {int(batch)} {lock}) RETURNING id"
        )
        return len(cursor.fetchall())


def take(some: Callable[[int], int], batch: int) -> int:
    """Take until nothing is left, or nothing more fits."""
    taken = 0
    while found := some(batch):
        taken += found
    return taken


def work(some: Callable[[int], int], batch: int) -> None:
    """Warm up by a look at the database, wait for the word, take, tell."""
    held()
    tell({})
    sys.stdin.readline()
    tell({"taken": take(some, batch)})


def main(words: list[str]) -> None:
    """Do what the words say."""
    interpreter.take_short_turns()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    configure(role="bench", as_json=False)
    from agents.starts import starts  # noqa: PLC0415 - models are there only after the set-up

    starts.register(KIND, Nothing())
    numbers = [int(word) for word in words[1:]]
    if words[0] == "fill":
        fill(*numbers)
    elif words[0] == "count":
        tell(held())
    else:
        work({"admit": admit_some, "claim": claim_some}[words[0]], *numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
