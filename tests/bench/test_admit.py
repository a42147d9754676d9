"""`./dct bench admit` at a small size: its queue, its limits and its figures are what it says."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agents.models import StartRequest
from agents.starts import starts
from dct_site.bench import admit, admit_child
from dct_site.bench.admit import Subject


@pytest.fixture
def _kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(starts._entries, admit_child.KIND, admit_child.Nothing())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_kind")
def test_the_pools_are_filled_and_every_limit_holds() -> None:
    admit_child.fill(20, 4, 6)
    assert admit_child.take(admit_child.admit_some, 7) == 20
    assert admit_child.held()["held"] == 20
    assert admit_child.held()["most_of_a_key"] <= 6
    assert StartRequest.objects.exclude(status="admitted").count() == 4
    assert admit_child.take(admit_child.claim_some, 7) == 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_kind")
def test_it_can_be_filled_again() -> None:
    for _ in range(2):
        admit_child.fill(10, 2, 6)
        assert admit_child.take(admit_child.admit_some, 10) == 10


@pytest.mark.one_pass
class TestFigures:
    def test_each_has_its_baseline_of_the_same_rounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        measured = {"admit": iter([300.0, 100.0, 200.0]), "claim": iter([500.0, 400.0, 900.0])}
        order: list[str] = []

        def rate(_environment: Any, subject: Subject) -> float:
            order.append(subject.what)
            return next(measured[subject.what])

        monkeypatch.setattr(admit, "rate", rate)
        wanted = {"batch10": (Subject("admit", 10, 1), Subject("claim", 10, 1))}
        (figure,) = admit.figures({}, wanted, "told")
        assert order == ["admit", "claim"] * 3
        assert (figure.value, figure.baseline_value, figure.ratio) == (200.0, 500.0, 0.4)
        assert figure.baseline == "plain_claim"

    @pytest.mark.parametrize("postgres", [None, "/usr/bin/initdb"])
    def test_postgresql_is_measured_where_it_is_installed(
        self, postgres: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @contextmanager
        def given(*_args: Any) -> Iterator[Any]:
            yield {}

        for name in ("database", "throwaway_postgres"):
            monkeypatch.setattr(admit, name, given)
        monkeypatch.setattr(admit, "created", lambda url: url)
        monkeypatch.setattr(admit, "postgres_program", lambda _name: postgres)
        monkeypatch.setattr(admit, "rate", lambda _environment, _subject: 1.0)
        names = [figure.figure for figure in admit.measure()]
        wanted = ["sqlite_batch10"]
        if postgres:
            wanted += [f"batch50_workers{count}" for count in (1, 2, 4)] + ["batch10_workers1", "batch10_workers4"]
        assert names == wanted


class _Worker:
    """A process that took what it was told to say."""

    def __init__(self, taken: int) -> None:
        self.stdin, self.stdout = io.StringIO(), io.StringIO(f'{{}}\n{{"taken": {taken}}}\n')

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None: ...

    def kill(self) -> None: ...


@pytest.mark.one_pass
@pytest.mark.parametrize(
    ("taken", "held", "wrong"),
    [
        (500, '{"held": 1000, "most_of_a_key": 52}', None),
        (499, '{"held": 1000, "most_of_a_key": 52}', "998 were taken"),
        (500, '{"held": 999, "most_of_a_key": 52}', "a limit does not hold"),
        (500, '{"held": 1000, "most_of_a_key": 53}', "a limit does not hold"),
    ],
)
def test_a_figure_of_something_else_is_refused(
    taken: int, held: str, wrong: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admit, "_asked", lambda *_words: held)
    monkeypatch.setattr(admit, "_worker", lambda *_words: _Worker(taken))
    if wrong is None:
        assert admit.rate({}, Subject("admit", 50, 2)) > 0
        return
    with pytest.raises(RuntimeError, match=wrong):
        admit.rate({}, Subject("admit", 50, 2))
