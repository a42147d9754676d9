"""One process of `bench decide`: `fill COUNT` → where its webhook is; `decide` → decides until a line says how many.

`decide` notes after each commit what is queued by then, and at the end tells how long each execution's delivery had
waited and how many deliveries a second were decided, as one JSON object.
"""

import os
import sys
import time
from statistics import quantiles
from typing import Any

import django

from dct_site import interpreter
from dct_site.bench.intake_child import begin_to_decide, make_hook, tell
from dct_site.logs import configure

PATIENCE_S = 120.0


def fill(count: int) -> str:
    """Write the triggers beside a new webhook; its path."""
    from accounts.models import User  # noqa: PLC0415 - models are there only after the set-up
    from dct_site.bench.match_child import publish  # noqa: PLC0415
    from dct_site.bench.match_world import document_of  # noqa: PLC0415
    from triggers.models import ContextListener, WebhookEndpoint  # noqa: PLC0415
    from triggers.services import generation  # noqa: PLC0415

    path = make_hook()
    owner = User.objects.get(username="bench")
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    where = WebhookEndpoint.objects.get(path=path).connection_id
    listener = ContextListener.objects.get(connection_id=where, item=None)
    publish(count, owner, lambda at: document_of(at, {"connection_id": where}), lambda _: listener.pk)
    generation.bump()
    return path


class Watched:
    """What was committed when: (time, executions by then, decided by then), after each batch."""

    def __init__(self) -> None:
        self.commits: list[tuple[float, int, int]] = []
        self.cpu_s = time.process_time()

    def note(self) -> None:
        from django.db import connection  # noqa: PLC0415 - it is configured only after the set-up

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT coalesce(max(id), 0) FROM triggers_execution),"
                " (SELECT coalesce(max(delivery_id), 0) FROM triggers_deliveryoutcome)"
            )
            executions, decided = cursor.fetchone()
        self.commits.append((time.time(), executions, decided))


def decide() -> None:
    """Decide as the engine does; told how many were sent last, wait for these and tell what was seen of them."""
    from triggers.models import DeliveryOutcome, PendingDelivery  # noqa: PLC0415 - models are there after the set-up
    from triggers.services.decide import pending as service  # noqa: PLC0415

    watched, plain = Watched(), service._decide

    def noted(*given: Any, **named: Any) -> int:
        done = plain(*given, **named)
        watched.note()
        return done

    service._decide = noted
    begin_to_decide()
    tell({})
    count = int(sys.stdin.readline())
    until = time.monotonic() + PATIENCE_S
    while PendingDelivery.objects.exists() and time.monotonic() < until:
        time.sleep(0.01)
    if PendingDelivery.objects.exists():
        raise SystemExit("not everything was decided in time")
    last = DeliveryOutcome.objects.order_by("-pk").values_list("pk", flat=True)[0]
    tell(seen(watched, last - count))


def seen(watched: Watched, after: int) -> dict[str, float]:
    """The figures of the deliveries beyond ``after``."""
    from triggers.models import Delivery, Execution  # noqa: PLC0415 - models are there only after the set-up

    received = dict(Delivery.objects.filter(pk__gt=after).values_list("pk", "received_at"))
    decided = [(at, upto) for at, _, upto in watched.commits if upto > after]
    took = decided[-1][0] - min(received.values()).timestamp()
    fired = Execution.objects.filter(event__delivery_id__gt=after).values_list("pk", "event__delivery_id")
    waited = []
    commits = iter(watched.commits)
    at, upto, _ = next(commits)
    for pk, delivery in sorted((pk, delivery or 0) for pk, delivery in fired):
        while upto < pk:
            at, upto, _ = next(commits)
        waited.append((at - received[delivery].timestamp()) * 1e3)
    cuts = quantiles(waited, n=100)
    return {
        "queued": len(waited),
        "queued_p50_ms": cuts[49],
        "queued_p99_ms": cuts[98],
        "decided": len(received),
        "decided_rate": len(received) / took,
        "decided_us_cpu": (time.process_time() - watched.cpu_s) / len(received) * 1e6,
    }


def main(words: list[str]) -> None:
    interpreter.take_short_turns()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    django.setup()
    configure(role="bench", as_json=False)
    if words[0] == "fill":
        tell({"path": fill(int(words[1]))})
        return
    from triggers.services import generation, matching  # noqa: PLC0415 - models are there only after the set-up

    matching.index_at(generation.current())
    interpreter.leave_out_what_stays()
    decide()
    os._exit(0)  # its loop is nobody's to wait for


if __name__ == "__main__":
    main(sys.argv[1:])
