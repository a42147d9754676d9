"""Patterns that a file must hold, and that it must not: RE2, in its first 256 kB."""

from typing import Any

import re2

from deliverables.enums import CheckStatus
from deliverables.rules.base import HEAD, CheckResult, Look, Rule

PATTERN_LENGTH = 500
_MEMORY = 8 * 1024 * 1024


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


def search(expected: str, look: Look, target: str, pattern: str, *, rule: Rule) -> CheckResult:
    """Whether the file holds the pattern, for ``Rule.PATTERN``, or does not, for ``Rule.FORBIDDEN_PATTERN``."""
    try:
        compiled = compile_pattern(pattern)
    except ValueError as wrong:
        return CheckResult(rule, CheckStatus.ERROR, expected, str(wrong))
    text = look.head[:HEAD].decode("utf-8", "replace")
    match = compiled.search(text)
    where = "" if look.size <= HEAD else " in its first 256 kB"
    if rule is Rule.PATTERN:
        found = f"{target} holds what is asked" if match else f"{target} holds nothing{where} that matches {pattern}"
        return CheckResult(rule, CheckStatus.PASSED if match else CheckStatus.FAILED, expected, found)
    if match is None:
        return CheckResult(rule, CheckStatus.PASSED, expected, f"{target} holds nothing{where} that is forbidden")
    line = text.count("\n", 0, match.start()) + 1
    return CheckResult(
        rule, CheckStatus.FAILED, expected, f"{target} holds in line {line} what matches {pattern}, and must not"
    )
