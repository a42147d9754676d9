"""`./dct bench match` at a small size: its world matches as it says, and its figures are complete."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from dct_site.bench import match, match_child
from dct_site.bench.figure import Figure
from dct_site.bench.match_world import MATCHES, events, item_of, leaf_of
from triggers.conditions.evaluate import evaluate
from triggers.conditions.schema import validate


@pytest.mark.one_pass
@pytest.mark.parametrize("size", [100, 1_000])
def test_every_event_matches_two_whatever_the_number_of_triggers(size: int) -> None:
    triggers = [(item_of(number), {"all": [leaf_of(number)]}) for number in range(size)]
    assert all(validate(tree) == [] for _, tree in triggers)
    for event, item in events(20, size, seed=3):
        asked = [tree for listens, tree in triggers if listens in (None, item)]
        assert sum(evaluate(tree, event, None).matched for tree in asked) == MATCHES


@pytest.mark.django_db(transaction=True)
def test_a_small_run_measures_everything_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_child, "EVENTS", 20)
    monkeypatch.setattr(match_child, "NAIVE_ASKS", 200)
    monkeypatch.setattr(match_child, "EVALUATIONS", 200)
    match_child.fill(100)
    told = match_child.measure(100)
    lines = [figure.line() for figure in match.of_one_size(100, told)]
    assert len(lines) == 10
    assert match.growth({100: told, 1_000: told}).ratio == 1


@pytest.mark.one_pass
def test_three_clauses_are_measured_beside_their_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match, "ROUNDS", 3)
    figure = match.three_clauses()
    assert figure.value > 0
    assert figure.baseline_value


@pytest.mark.one_pass
def test_each_size_has_a_database_and_processes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []
    figures = "index_us scan_us evaluate_us index_p99_us load_s rss_mb django_mb peak_mb edit_ms merge_slice_ms"
    told = dict.fromkeys([*figures.split(), "edit_beside_many_ms"], 1.0)

    def child(environment: Any, what: str, size: int) -> str:
        asked.append((environment["DCT_DATABASE_URL"], what, size))
        return json.dumps(told)

    @contextmanager
    def database(url: str) -> Iterator[dict[str, str]]:
        yield {"DCT_DATABASE_URL": f"{url}{next(numbers)}"}

    numbers = count()
    monkeypatch.setattr(match, "database", database)
    monkeypatch.setattr(match, "child", child)
    monkeypatch.setattr(match, "three_clauses", lambda: Figure("match", "three_fields", 1.0, "us_cpu", 1, ""))
    monkeypatch.setattr(match, "SIZES", (100, 1_000))
    lines = list(match.measure())
    assert [(what, size) for _, what, size in asked] == [
        ("fill", 100),
        ("measure", 100),
        ("fill", 1_000),
        ("measure", 1_000),
    ]
    assert len({url for url, _, _ in asked}) == 2
    assert (lines[0].figure, lines[-1].figure) == ("three_fields", "growth")
