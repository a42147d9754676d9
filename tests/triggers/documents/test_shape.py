"""The trigger document by itself, without a database."""

from typing import Any

import pytest

from triggers.documents import LimitsPart, empty_document, read, shape_problems
from triggers.documents.shape import storable_problems
from triggers.enums import CooldownBy, CooldownPolicy, LatePolicy

pytestmark = pytest.mark.one_pass
CONDITIONED = {"name": "A", "conditions": {"all": [{"type": "new_comment", "config": {}}]}}


def test_an_empty_document_can_be_kept_but_not_published() -> None:
    document = empty_document("Doors")
    assert storable_problems(document) == []
    assert {problem.path for problem in shape_problems(document)} >= {"listeners", "agent.profile_id"}


def nested(depth: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for _ in range(depth):
        document = {"all": document}
    return document


@pytest.mark.parametrize("document", [None, [], "text", {"name": "a\x00b"}, {"a": [{"\x00": 1}]}, nested(100_000)])
def test_what_cannot_be_kept_is_told_before_anything_else(document: Any) -> None:
    assert len(shape_problems(document)) == 1


def test_what_is_not_said_has_its_default() -> None:
    reading = read({"name": "Doors", "conditions": {"all": []}, "limits": {"cooldown_s": None}})
    assert reading.limits == LimitsPart()
    assert (reading.priority, reading.listeners, reading.template_id) == (5, (), None)


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        ({"max_per_hour": 11, "max_per_day": 10}, "limits.max_per_hour"),
        ({"max_concurrent_per_item": 3, "max_concurrent": 2}, "limits.max_concurrent_per_item"),
        ({"max_per_hour": 10, "max_per_day": 10, "max_concurrent_per_item": 2, "max_concurrent": 2}, None),
        ({"max_per_hour": 11, "max_per_day": None}, None),
        ({"max_tokens_per_run": 11, "budget_tokens": 10}, "limits.max_tokens_per_run"),
        ({"max_money_per_run": 0.51, "budget_money": 0.5}, "limits.max_money_per_run"),
        ({"max_money_per_run": 0.5, "budget_money": 0.5, "max_tokens_per_run": 9}, None),
        ({"budget_money": 1.0000001}, "limits.budget_money"),
        ({"budget_money": 0.009}, "limits.budget_money"),
        ({"budget_money": "12"}, "limits.budget_money"),
        ({"budget_money": 12.123456, "budget_window": "month"}, None),
        ({"budget_window": "year"}, "limits.budget_window"),
        ({"budget_runs": 0}, "limits.budget_runs"),
        ({"budget_runs": None, "budget_tokens": None, "budget_money": None}, None),
        ({"debounce_s": 30, "debounce_max_s": 29}, "limits.debounce_max_s"),
        ({"debounce_max_s": 29}, "limits.debounce_max_s"),
        ({"debounce_s": 30, "debounce_max_s": 30, "overlap": "queue"}, None),
        ({"debounce_s": 30, "batch_s": 30}, "limits.debounce_s"),
        ({"debounce_s": 30, "overlap": "skip"}, "limits.overlap"),
        ({"debounce_s": 30, "overlap": "cancel_running"}, "limits.overlap"),
        ({"debounce_s": 30, "overlap": "coalesce"}, None),
        ({"batch_size": 9}, "limits.batch_size"),
        ({"batch_by": "trigger"}, "limits.batch_by"),
        ({"batch_by": "item"}, None),
        ({"batch_s": 60, "batch_size": 9, "batch_by": "trigger"}, None),
        ({"batch_s": 60, "overlap": "skip"}, "limits.overlap"),
        ({"batch_s": 60, "overlap": "coalesce"}, "limits.overlap"),
        ({"batch_s": 60, "overlap": "queue"}, None),
        ({"batch_s": 60, "overlap": "queue", "batch_by": "trigger"}, "limits.overlap"),
        ({"batch_s": 60, "max_queued": 9, "queue_policy": "coalesce"}, "limits.queue_policy"),
        ({"batch_s": 60, "queue_policy": "coalesce"}, None),
        ({"batch_s": 60, "cooldown_s": 9, "cooldown_policy": "delay"}, "limits.cooldown_policy"),
        ({"batch_s": 60, "cooldown_s": 9, "cooldown_policy": "skip"}, None),
        ({"cooldown_s": 9, "cooldown_policy": "coalesce", "overlap": "skip"}, "limits.overlap"),
        ({"cooldown_s": 9, "cooldown_policy": "delay", "overlap": "skip"}, None),
        ({"cooldown_s": 9, "cooldown_policy": "delay", "overlap": "cancel_running"}, "limits.overlap"),
        ({"cooldown_s": 0, "cooldown_policy": "coalesce", "overlap": "skip"}, None),
    ],
)
def test_limits_that_contradict_each_other_are_refused(limits: dict[str, Any], path: str | None) -> None:
    document = {
        "name": "Doors",
        "listeners": [{"connection_id": 1}],
        "conditions": {"all": []},
        "agent": {"profile_id": 1},
        "limits": limits,
    }
    assert [one.path for one in shape_problems(document) if one.path.startswith("limits")] == ([path] if path else [])


def test_limits_are_read_as_words_of_their_own() -> None:
    limits = read({"name": "x", "conditions": {}, "limits": {"cooldown_policy": "delay", "late": "skip"}}).limits
    assert (limits.cooldown_policy, limits.late) == (CooldownPolicy.DELAY, LatePolicy.SKIP)
    assert limits.cooldown_by == CooldownBy.TRIGGER


def test_words_that_look_like_an_escaped_nul_are_no_nul() -> None:
    assert storable_problems({"name": "a\\u0000b"}) == []


@pytest.mark.parametrize(
    ("rules", "path", "words"),
    [
        ({"format": "doc"}, "format", "must be one of text, json"),
        ({"format": "json", "columns": ["a"]}, "columns", "goes with the format `csv` only"),
        ({"schema": {}}, "schema", "goes with the format `json` or `yaml` only"),
        ({"format": "csv", "columns": []}, "columns", "is empty"),
        ({"format": "yaml", "schema": {"$ref": "#"}}, "schema", "says '$ref', which is not taken here"),
        ({"format": "json", "schema": 1}, "schema", "must be an object"),
        ({"forbidden_pattern": "("}, "forbidden_pattern", "is not a valid"),
        ({"format": "markdown", "sections": ["Risks"], "forbidden_pattern": "TODO"}, "", ""),
    ],
)
def test_rules_of_a_format_that_make_no_sense_are_refused(rules: dict[str, Any], path: str, words: str) -> None:
    deliverable = {"name": "A", "kind": "file_created", "target": "a", "rules": rules}
    parts = {"listeners": [{"connection_id": 1}], "agent": {"profile_id": 1}, "deliverables": [deliverable]}
    found = [(one.path, one.message) for one in shape_problems({**CONDITIONED, **parts})]
    assert [where for where, _ in found] == ([f"deliverables[0].rules.{path}"] if path else [])
    assert all(words in message for _, message in found), found


@pytest.mark.parametrize(
    ("agent", "overlap", "path"),
    [
        ({"strategy": "queue_for_existing", "match_on": []}, "allow", None),
        ({"strategy": "stop_and_notify", "match_on": ["model", "user_comment"]}, "coalesce", None),
        ({"strategy": "stop_and_notify"}, "queue", "limits.overlap"),
        ({"strategy": "queue_for_existing"}, "skip", "limits.overlap"),
        ({"strategy": "queue_for_existing"}, "cancel_running", "limits.overlap"),
        ({"strategy": "fresh"}, "queue", None),
        ({"strategy": "ask_nicely"}, "allow", "agent.strategy"),
        ({"match_on": ["colour"]}, "allow", "agent.match_on[0]"),
    ],
)
def test_a_strategy_that_would_never_act_is_refused(agent: dict[str, Any], overlap: str, path: str | None) -> None:
    parts = {"listeners": [{"connection_id": 1}], "agent": {"profile_id": 1, **agent}, "limits": {"overlap": overlap}}
    assert [one.path for one in shape_problems({**CONDITIONED, **parts})] == ([path] if path else [])


@pytest.mark.parametrize(
    ("parts", "looks_first"),
    [
        ({}, False),
        ({"agent": {"strategy": "stop_and_notify"}}, True),
        ({"agent": {"strategy": "stop_and_notify"}, "workspace": {"deploy": "draft"}}, False),
    ],
)
def test_only_a_strategy_looks_for_an_agent_at_work_first(parts: dict[str, Any], looks_first: bool) -> None:
    reading = read({"name": "Doors", "conditions": {"all": []}, **parts})
    assert reading.looks_first is looks_first
    assert len(reading.match_on) == 4
