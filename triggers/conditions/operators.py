"""What the `field` leaf can ask of a value. One row an operator: its arguments, its answer, its words.

An answer is True, False or the reason (text) why nobody can tell. A value of the wrong type is such a reason: answering
"does not hold" would let a trigger be silent for ever because its author compared text with a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from triggers.conditions import patterns
from triggers.conditions.facts import composed, folded, same
from triggers.conditions.verdict import shown

Answer = bool | str


class Operator(StrEnum):
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    IN = "in"
    NOT_IN = "not_in"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    CONTAINS = "contains"
    GLOB = "glob"
    MATCHES = "matches"
    GTE = "gte"
    LTE = "lte"
    BETWEEN = "between"
    CIDR = "cidr"
    EXISTS = "exists"
    ABSENT = "absent"
    CHANGED = "changed"
    CHANGED_FROM = "changed_from"
    CHANGED_TO = "changed_to"
    UNCHANGED = "unchanged"


class Argument(StrEnum):
    """What an operator takes: nothing, a value, one that is not empty, text, a list, a number or date, two of those,
    networks.
    """

    NOTHING = "nothing"
    PART = "part"
    SCALAR = "scalar"
    TEXT = "text"
    LIST = "list"
    BOUND = "bound"
    BOUNDS = "bounds"
    NETWORKS = "networks"


@dataclass(frozen=True, slots=True)
class Row:
    """`words` goes between the path and the argument. `test` is None for those that look at presence or change."""

    argument: Argument
    words: str
    test: Callable[[Any, Any, bool], Answer] | None = None


def _key(value: Any, case_sensitive: bool) -> Any:
    if not isinstance(value, str):
        return value
    return composed(value) if case_sensitive else folded(value)


def equal(actual: Any, wanted: Any, case_sensitive: bool) -> bool:
    """Equality as JSON means it; text by `case_sensitive`."""
    return same(_key(actual, case_sensitive), _key(wanted, case_sensitive))


def _equals(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
    return equal(actual, wanted, case_sensitive)


def _not_equals(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
    return not equal(actual, wanted, case_sensitive)


def _in(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
    return any(equal(actual, one, case_sensitive) for one in wanted)


def _not_in(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
    return not _in(actual, wanted, case_sensitive)


def _on_text(test: Callable[[str, str], bool]) -> Callable[[Any, Any, bool], Answer]:
    def answer(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
        if actual is None:
            return False
        if not isinstance(actual, str):
            return f"{_type_words(actual)}, not text"
        return test(_key(actual, case_sensitive), _key(wanted, case_sensitive))

    return answer


def _contains(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
    if isinstance(actual, list | tuple):
        return any(equal(one, wanted, case_sensitive) for one in actual)
    if isinstance(actual, str) and not isinstance(wanted, str):
        return "text can only contain text"
    return _on_text(lambda text, part: part in text)(actual, wanted, case_sensitive)


def _on_pattern(test: Callable[..., bool]) -> Callable[[Any, Any, bool], Answer]:
    def answer(actual: Any, wanted: Any, case_sensitive: bool) -> Answer:
        if actual is None:
            return False
        if not isinstance(actual, str):
            return f"{_type_words(actual)}, not text"
        try:
            return test(wanted, actual, case_sensitive=case_sensitive)
        except patterns.TextTooLong as wrong:
            return str(wrong)

    return answer


def bound(value: Any) -> float | int | datetime | None:
    """A number, or text that is an ISO 8601 date or time (UTC when it names no zone); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if isinstance(value, int) or math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_order(low: Any, actual: Any, high: Any) -> Answer:
    """low <= actual <= high, where None bounds nothing."""
    if actual is None:
        return False
    middle, least, most = bound(actual), bound(low), bound(high)
    edges = [edge for edge in (least, most) if edge is not None]
    if middle is None or any(isinstance(edge, datetime) != isinstance(middle, datetime) for edge in edges):
        return f"{_type_words(actual)}, which has no order with {shown(high if low is None else low)}"
    # Both sides are numbers or both are moments, which mypy cannot follow.
    ordered: Any = middle
    return (least is None or least <= ordered) and (most is None or ordered <= most)


def are_in_order(low: Any, high: Any) -> bool:
    """Whether two numbers or two dates are given smaller first."""
    return _in_order(low, high, None) is True


def _gte(actual: Any, wanted: Any, _case_sensitive: bool) -> Answer:
    return _in_order(wanted, actual, None)


def _lte(actual: Any, wanted: Any, _case_sensitive: bool) -> Answer:
    return _in_order(None, actual, wanted)


def _between(actual: Any, wanted: Any, _case_sensitive: bool) -> Answer:
    return _in_order(wanted[0], actual, wanted[1])


def network(value: Any) -> IPv4Network | IPv6Network | None:
    """A network in CIDR notation; None for anything else, also for one with bits set behind its mask."""
    if not isinstance(value, str) or "/" not in value:
        return None
    try:
        return ip_network(value)
    except ValueError:
        return None


def _in_network(actual: Any, wanted: Any, _case_sensitive: bool) -> Answer:
    if actual is None:
        return False
    if not isinstance(actual, str):
        return f"{_type_words(actual)}, not an IP address"
    try:
        address = ip_address(actual)
    except ValueError:
        return "is text, which is no IP address"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # A server that listens on both writes ::ffff:10.0.0.1; it is the same machine.
        address = address.ipv4_mapped
    return any(address in found for one in wanted if (found := network(one)) is not None)


def _type_words(value: Any) -> str:
    if isinstance(value, bool):
        return "is true or false"
    if isinstance(value, int | float):
        return "is a number"
    if isinstance(value, str):
        return "is text"
    return "is an object" if isinstance(value, Mapping) else "is a list"


TABLE: dict[Operator, Row] = {
    Operator.EQUALS: Row(Argument.SCALAR, "is", _equals),
    Operator.NOT_EQUALS: Row(Argument.SCALAR, "is there and is not", _not_equals),
    Operator.IN: Row(Argument.LIST, "is one of", _in),
    Operator.NOT_IN: Row(Argument.LIST, "is there and is none of", _not_in),
    Operator.PREFIX: Row(Argument.TEXT, "begins with", _on_text(str.startswith)),
    Operator.SUFFIX: Row(Argument.TEXT, "ends with", _on_text(str.endswith)),
    Operator.CONTAINS: Row(Argument.PART, "contains", _contains),
    Operator.GLOB: Row(Argument.TEXT, "fits", _on_pattern(patterns.glob_matches)),
    Operator.MATCHES: Row(Argument.TEXT, "matches", _on_pattern(patterns.found)),
    Operator.GTE: Row(Argument.BOUND, "is at least", _gte),
    Operator.LTE: Row(Argument.BOUND, "is at most", _lte),
    Operator.BETWEEN: Row(Argument.BOUNDS, "is between", _between),
    Operator.CIDR: Row(Argument.NETWORKS, "is an address in any of", _in_network),
    Operator.EXISTS: Row(Argument.NOTHING, "is there"),
    Operator.ABSENT: Row(Argument.NOTHING, "is not there"),
    Operator.CHANGED: Row(Argument.NOTHING, "changes"),
    Operator.CHANGED_FROM: Row(Argument.SCALAR, "changes from"),
    Operator.CHANGED_TO: Row(Argument.SCALAR, "changes to"),
    Operator.UNCHANGED: Row(Argument.NOTHING, "does not change"),
}

_LISTS = (Argument.LIST, Argument.NETWORKS)
ABOUT_CHANGE = frozenset({Operator.CHANGED, Operator.CHANGED_FROM, Operator.CHANGED_TO, Operator.UNCHANGED})


def words(operator: Operator, value: Any) -> str:
    """The operator and its argument as a phrase: "is one of High, Highest"."""
    row = TABLE[operator]
    if row.argument is Argument.NOTHING:
        return row.words
    if row.argument is Argument.BOUNDS:
        return f"{row.words} {shown(value[0])} and {shown(value[1])}"
    listed = ", ".join(shown(one) for one in value) if row.argument in _LISTS else shown(value)
    return f"{row.words} {listed or 'empty text'}"
