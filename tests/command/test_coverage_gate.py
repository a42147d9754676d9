"""Which files fall below their threshold, and how that is said."""

from typing import Any

import pytest

from dct_site.command import coverage_gate
from dct_site.command.coverage_gate import judge

FULL = ["triggers/conditions/*.py", "*/services/*.py"]


def measured(total: float, **files: tuple[float, list[int], list[list[int]]]) -> dict[str, Any]:
    """Make what `coverage json` writes; `__` in a name stands for a slash."""
    return {
        "totals": {"percent_covered": total},
        "files": {
            f"{name.replace('__', '/')}.py": {
                "summary": {"percent_covered": percent}, "missing_lines": lines, "missing_branches": branches,
            }
            for name, (percent, lines, branches) in files.items()
        },
    }  # fmt: skip


def test_a_run_at_the_thresholds_passes() -> None:
    run = measured(95.0, triggers__services__decide__commit=(100.0, [], []), triggers__views=(40.0, [1], []))
    assert judge(run, overall=95, full=FULL) == ([], [])


def test_too_little_overall_is_said() -> None:
    assert judge(measured(94.94), overall=95, full=[]) == (["branch coverage is 94.9 %, not 95 %"], [])


def test_services_and_conditions_must_be_covered_wholly_and_what_is_missing_is_named() -> None:
    run = measured(
        99.0,
        triggers__services__decide__commit=(98.0, [3, 4], []),
        agents__services__gate=(99.0, [], [[7, -1], [9, 12]]),
        triggers__conditions__leaves=(99.0, [5], [[5, 6]]),
    )
    failing, _ = judge(run, overall=95, full=FULL)
    assert failing == [
        "agents/services/gate.py must be covered wholly and misses branches 7→exit, 9→12",
        "triggers/conditions/leaves.py must be covered wholly and misses lines 5; branches 5→6",
        "triggers/services/decide/commit.py must be covered wholly and misses lines 3, 4",
    ]


def test_a_file_that_nothing_ran_is_named_in_a_line_that_can_be_read() -> None:
    failing, _ = judge(measured(99.0, agents__services__gate=(0.0, [*range(1, 101)], [])), overall=95, full=FULL)
    (sentence,) = failing
    assert sentence.endswith("11, 12 and 88 more")


def test_the_projects_own_thresholds_are_those_that_were_promised() -> None:
    table = coverage_gate.thresholds()
    assert table["overall"] >= 95
    assert set(FULL) <= set(table["full"])


def test_a_run_that_measured_nothing_is_an_offender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_FILE", "/nowhere/.coverage")
    (sentence,) = coverage_gate.offenders()
    assert sentence.startswith("coverage was not measured")


def test_what_only_a_race_reaches_may_be_missed_and_is_told() -> None:
    run = measured(99.0, agents__services__gate=(99.0, [7], [[7, -1], [9, 12]]), a__services__b=(99.0, [1], []))
    failing, told = judge(run, overall=95, full=FULL, slack=3)
    assert (failing, len(told)) == ([], 2)
    failing, told = judge(run, overall=95, full=FULL, slack=2)
    assert (len(failing), told) == (2, [])
    assert coverage_gate.thresholds()["slack"] <= 3


def test_what_is_pure_has_no_slack() -> None:
    run = measured(99.0, triggers__conditions__evaluate=(99.0, [7], []))
    failing, told = judge(run, overall=95, full=FULL, slack=3)
    assert (len(failing), told) == (1, [])
