"""The rules a file may have to satisfy, and each one's verdict about one look at a file: no database, no disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import re2

from deliverables.enums import CheckStatus, DeliverableKind

# A pattern is searched for in the first 256 kB (threat T8); a match that lies later is not found.
PATTERN_INPUT = 256 * 1024
PATTERN_LENGTH = 500
_MEMORY = 8 * 1024 * 1024


class Rule(StrEnum):
    """The checks of a deliverable, in the order in which they are told."""

    EXISTS = "exists"
    CHANGED = "changed"
    MIN_SIZE = "min_size"
    MAX_SIZE = "max_size"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a target: ``trouble`` says why there is no file to look at; ``head`` holds its first 256 kB."""

    trouble: str = ""
    size: int = 0
    checksum: str = ""
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict of one rule, with what was expected and what was found, in words an agent can act on."""

    rule: Rule
    status: CheckStatus
    expected: str
    found: str


def compile_pattern(pattern: str) -> Any:
    """The compiled RE2 expression. Raises ValueError in one sentence."""
    if len(pattern) > PATTERN_LENGTH:
        raise ValueError(f"The pattern has {len(pattern)} characters; at most {PATTERN_LENGTH} are allowed.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error as wrong:
        detail = wrong.args[0] if wrong.args else "it cannot be read"
        detail = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else detail
        raise ValueError(
            f"The pattern is not a valid RE2 expression ({detail}); RE2 has no look-around and no back-references."
        ) from wrong


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
    if rules.get("pattern"):
        words[Rule.PATTERN] = f"matches {rules['pattern']}"
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
    if rule is Rule.PATTERN:
        return _search(expected, look, target, rules["pattern"])
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


def _search(expected: str, look: Look, target: str, pattern: str) -> CheckResult:
    try:
        compiled = compile_pattern(pattern)
    except ValueError as wrong:
        return CheckResult(Rule.PATTERN, CheckStatus.ERROR, expected, str(wrong))
    if compiled.search(look.head[:PATTERN_INPUT].decode("utf-8", "replace")):
        return CheckResult(Rule.PATTERN, CheckStatus.PASSED, expected, f"{target} holds what is asked")
    where = "" if look.size <= PATTERN_INPUT else " in its first 256 kB"
    return CheckResult(
        Rule.PATTERN, CheckStatus.FAILED, expected, f"{target} holds nothing{where} that matches {pattern}"
    )
