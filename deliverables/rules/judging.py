"""Judging a look: the verdict of every rule of a deliverable."""

from collections.abc import Mapping
from typing import Any

from deliverables.enums import CheckStatus, DeliverableKind
from deliverables.rules import formats
from deliverables.rules.base import WHOLE, CheckResult, Look, Rule
from deliverables.rules.patterns import search


def expectations(*, kind: str, target: str, rules: Mapping[str, Any]) -> dict[Rule, str]:
    """What each rule of a deliverable expects, in words. Rules whose value is None do not apply."""
    words = {
        Rule.EXISTS: f"{target} exists",
        Rule.CHANGED: f"{target} is {'edited' if kind == DeliverableKind.FILE_EDITED else 'written'} by the agent",
    }
    if rules.get("min_size") is not None:
        words[Rule.MIN_SIZE] = f"at least {rules['min_size']:,} bytes"
    if rules.get("max_size") is not None:
        words[Rule.MAX_SIZE] = f"at most {rules['max_size']:,} bytes"
    if rules.get("format"):
        words[Rule.FORMAT] = formats.expected(rules)
    if rules.get("pattern"):
        words[Rule.PATTERN] = f"matches {rules['pattern']}"
    if rules.get("forbidden_pattern"):
        words[Rule.FORBIDDEN_PATTERN] = f"holds nothing that matches {rules['forbidden_pattern']}"
    return words


def judge(look: Look, *, kind: str, target: str, rules: Mapping[str, Any], baseline: str) -> list[CheckResult]:
    """The verdicts of every rule about one look. Without a file only ``exists`` fails; the others wait for one."""
    expected = expectations(kind=kind, target=target, rules=rules)
    if look.trouble:
        first = CheckResult(Rule.EXISTS, CheckStatus.FAILED, expected.pop(Rule.EXISTS), look.trouble)
        waiting = (CheckResult(rule, CheckStatus.PENDING, words, "") for rule, words in expected.items())
        return [first, *waiting]
    return [_verdict(rule, words, look, target, rules, baseline) for rule, words in expected.items()]


def _verdict(
    rule: Rule, expected: str, look: Look, target: str, rules: Mapping[str, Any], baseline: str
) -> CheckResult:
    if rule in (Rule.PATTERN, Rule.FORBIDDEN_PATTERN):
        return search(expected, look, target, rules[rule], rule=rule)
    if rule is Rule.FORMAT:
        return _format(expected, look, target, rules)
    holds = {
        Rule.EXISTS: True,
        Rule.CHANGED: look.checksum != baseline,
        Rule.MIN_SIZE: look.size >= (rules.get("min_size") or 0),
        Rule.MAX_SIZE: rules.get("max_size") is None or look.size <= rules["max_size"],
    }[rule]
    found = {
        Rule.EXISTS: f"{target} has {look.size:,} bytes",
        Rule.CHANGED: f"{target} was changed" if holds else f"{target} is as it was before the work began",
        Rule.MIN_SIZE: f"{target} has {look.size:,} bytes, at least {rules.get('min_size') or 0:,} are asked",
        Rule.MAX_SIZE: f"{target} has {look.size:,} bytes, at most {rules.get('max_size') or 0:,} are allowed",
    }[rule]
    return CheckResult(rule, CheckStatus.PASSED if holds else CheckStatus.FAILED, expected, found)


def _format(expected: str, look: Look, target: str, rules: Mapping[str, Any]) -> CheckResult:
    if look.whole is None:
        found = f"{target} has {look.size:,} bytes, and is looked into up to {WHOLE:,}"
        return CheckResult(Rule.FORMAT, CheckStatus.FAILED, expected, found)
    wrong = formats.KINDS[formats.Format(rules["format"])].problems(look.whole, rules)
    if wrong:
        return CheckResult(Rule.FORMAT, CheckStatus.FAILED, expected, f"{target}: {'; '.join(wrong)}")
    return CheckResult(Rule.FORMAT, CheckStatus.PASSED, expected, f"{target} {expected}")
