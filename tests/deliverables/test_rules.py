"""The rules of a deliverable, without a database."""

import time

import pytest

from deliverables.enums import CheckStatus
from deliverables.rules.base import HEAD, Look, Rule
from deliverables.rules.judging import expectations, judge
from deliverables.rules.patterns import compile_pattern

pytestmark = pytest.mark.one_pass

BAD_PATTERNS = [
    r"(a+)+$",
    r"(a|a)*$",
    r"(a|aa)+$",
    r"([a-z]+)*$",
    r"(.*a){20}",
    r"(a*)*b",
    r"(a?){50}a{50}",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(x+x+)+y",
    r"((a+)+)+$",
    r"(a|b|ab)*c",
    r"(.*)*x",
    r"(a{1,50}){1,10}$",
    r"^(a?a?a?)*$",
    r"(?:a+){10,}b",
    r"[a-z]*[a-z]*[a-z]*0",
    r"(\w+\s?)*$",
    r"(.+)+x",
    r"(a.*?){10}z",
    r"(?i)(a+)+B",
]


def verdicts(look: Look, **rules: object) -> dict[str, tuple[str, str]]:
    results = judge(look, kind="file_created", target="feedback/digest.md", rules=rules, baseline="")
    return {result.rule: (result.status, result.found) for result in results}


def test_a_missing_file_fails_once_and_the_other_rules_wait() -> None:
    found = verdicts(Look(trouble="feedback/digest.md does not exist."), min_size=200)
    assert found == {
        Rule.EXISTS: (CheckStatus.FAILED, "feedback/digest.md does not exist."),
        Rule.CHANGED: (CheckStatus.PENDING, ""),
        Rule.MIN_SIZE: (CheckStatus.PENDING, ""),
    }


@pytest.mark.parametrize(("size", "status"), [(199, CheckStatus.FAILED), (200, CheckStatus.PASSED)])
def test_too_small_a_file_tells_both_numbers(size: int, status: CheckStatus) -> None:
    found = verdicts(Look(size=size, checksum="x"), min_size=200)[Rule.MIN_SIZE]
    assert found == (status, f"feedback/digest.md has {size} bytes, at least 200 are asked")


@pytest.mark.parametrize(("size", "status"), [(10, CheckStatus.PASSED), (11, CheckStatus.FAILED)])
def test_too_large_a_file_tells_both_numbers(size: int, status: CheckStatus) -> None:
    found = verdicts(Look(size=size, checksum="x"), max_size=10)[Rule.MAX_SIZE]
    assert found == (status, f"feedback/digest.md has {size} bytes, at most 10 are allowed")


def test_an_unchanged_file_is_not_an_edited_one() -> None:
    look = Look(size=1, checksum="same")
    results = judge(look, kind="file_edited", target="work/a.txt", rules={}, baseline="same")
    assert [result.status for result in results] == [CheckStatus.PASSED, CheckStatus.FAILED]
    assert results[1].found == "work/a.txt is as it was before the work began"


def test_a_pattern_is_searched_for() -> None:
    look = Look(size=5, checksum="x", head=b"# What changed")
    assert verdicts(look, pattern="(?m)^# What")[Rule.PATTERN][0] == CheckStatus.PASSED
    status, found = verdicts(look, pattern="^# Who")[Rule.PATTERN]
    assert (status, found) == (CheckStatus.FAILED, "feedback/digest.md holds nothing that matches ^# Who")


def test_a_pattern_that_cannot_be_read_is_an_error_not_a_failure() -> None:
    status, found = verdicts(Look(size=1, checksum="x"), pattern="(?=x)")[Rule.PATTERN]
    assert status == CheckStatus.ERROR
    assert "no look-around" in found


def test_only_the_head_of_a_long_file_is_searched_and_it_is_said() -> None:
    look = Look(size=HEAD + 10, checksum="x", head=b"a" * HEAD + b"needle")
    status, found = verdicts(look, pattern="needle")[Rule.PATTERN]
    assert status == CheckStatus.FAILED
    assert "in its first 256 kB" in found


def test_a_file_that_is_no_text_can_be_searched() -> None:
    assert verdicts(Look(size=3, checksum="x", head=b"\xff\xfea"), pattern="a$")[Rule.PATTERN][0] == CheckStatus.PASSED


def test_too_long_a_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 500"):
        compile_pattern("a" * 501)


def test_rules_without_a_value_do_not_apply() -> None:
    rules = {"min_size": None, "max_size": None, "pattern": ""}
    assert set(expectations(kind="file_created", target="t", rules=rules)) == {Rule.EXISTS, Rule.CHANGED}


@pytest.mark.parametrize("pattern", BAD_PATTERNS)
def test_a_pattern_made_to_burn_time_is_answered_in_linear_time(pattern: str) -> None:
    look = Look(size=100_001, checksum="x", head=b"a" * 100_000 + b"!")
    began = time.process_time()
    verdicts(look, pattern=pattern)
    assert time.process_time() - began < 0.2
