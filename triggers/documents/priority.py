"""Which priorities are high: to set one takes a right of its own (permissions, row 6)."""

from typing import Any

HIGH_FROM = 8


def is_raised(wanted: Any, standing: Any) -> bool:
    """Whether ``wanted`` is a high priority that does not stand yet. Takes anything that a draft may hold."""
    return _is_high(wanted) and wanted != standing


def _is_high(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= HIGH_FROM
