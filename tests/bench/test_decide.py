"""`./dct bench decide` at a small size: its world fires as it says, and its figures are complete."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from dct_site.bench import decide, decide_child
from dct_site.bench.decide_world import OPEN, pull_requests
from triggers.conditions.schema import validate
from triggers.enums import Outcome
from triggers.models import Decision, Event, Execution, Trigger, WebhookEndpoint
from triggers.services.decide import pending as service
from triggers.services.intake import Incoming, accept


def arrive(path: str, one_in: int, count: int) -> None:
    """What the door would have stored."""
    endpoint = WebhookEndpoint.objects.get(path=path)
    bodies = [one.partition(b"\r\n\r\n")[2] for one in islice(pull_requests(path, one_in, 8), count)]
    accept(
        [
            Incoming(
                connection_id=endpoint.connection_id,
                endpoint_id=endpoint.pk,
                source="github",
                delivery_key=str(number),
                body=body,
                headers={"x-github-event": "pull_request"},
                received_at=datetime.now(UTC),
            )
            for number, body in enumerate(bodies)
        ]
    )


@pytest.mark.django_db(transaction=True)
def test_one_in_so_many_fires_one_trigger() -> None:
    path = decide_child.fill(8)
    assert all(validate(one.published.document["conditions"]) == [] for one in Trigger.objects.all() if one.published)
    arrive(path, 3, 7)
    while service.decide_pending(now=datetime.now(UTC)):
        pass
    assert Event.objects.count() == 7
    assert list(Decision.objects.values_list("outcome", flat=True)) == [Outcome.FIRED] * 2
    assert Execution.objects.count() == 2


@pytest.mark.one_pass
def test_each_request_is_an_edit_of_its_own_of_some_pull_requests() -> None:
    bodies = [json.loads(one.partition(b"\r\n\r\n")[2]) for one in islice(pull_requests("p", 0, 8), OPEN + 10)]
    assert len({body["pull_request"]["updated_at"] for body in bodies}) == OPEN + 10
    assert len({body["number"] for body in bodies}) == OPEN
    assert {body["number"] for body in bodies} == {body["pull_request"]["id"] for body in bodies}


@pytest.mark.django_db(transaction=True)
def test_what_was_queued_when_is_told_by_the_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    path = decide_child.fill(8)
    arrive(path, 1, 4)
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(decide_child, "tell", told.append)
    monkeypatch.setattr("sys.stdin", io.StringIO("4\n"))
    monkeypatch.setattr("triggers.services.decide.pending._decide", service._decide)  # to be put back

    def at_once() -> None:
        while service.decide_pending(now=datetime.now(UTC)):
            pass

    monkeypatch.setattr(decide_child, "begin_to_decide", at_once)
    decide_child.decide()
    assert told[0] == {}
    assert (told[1]["queued"], told[1]["decided"]) == (4, 4)
    assert 0 < told[1]["queued_p50_ms"] <= told[1]["queued_p99_ms"]
    assert told[1]["decided_rate"] > 0


@pytest.mark.one_pass
def test_a_run_of_each_sort_becomes_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, int]] = []

    def run(_environment: Any, path: str, count: int, rate: float, one_in: int) -> dict[str, float]:
        asked.append((rate, one_in))
        names = ["queued", "queued_p50_ms", "queued_p99_ms", "decided", "decided_rate", "decided_us_cpu", "rate"]
        return dict.fromkeys(names, float(len(asked)))

    def nothing(_url: str) -> Iterator[dict[str, str]]:
        yield {}

    monkeypatch.setattr(decide, "database", contextmanager(nothing))
    monkeypatch.setattr(decide, "_asked", lambda *_: {"path": "p"})
    monkeypatch.setattr(decide, "_run", run)
    lines = [json.loads(figure.line()) for figure in decide.measure()]
    assert asked == [(500.0, 1)] * 3 + [(0.0, 10)] * 3
    assert [(line["figure"], line["value"]) for line in lines] == [
        ("queued_p50", 2),
        ("queued_p99", 2),
        ("decided", 5),
        ("decided_cpu", 5),
    ]
