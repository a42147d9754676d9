"""Moves an execution and keeps the reason on its row: what people read is the reason of its last move."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dct_site.kernel import moves
from triggers.enums import ExecutionStatus
from triggers.models import Execution


def go(
    execution: Execution,
    to: ExecutionStatus,
    *,
    now: datetime,
    reason: str = "",
    by: str = moves.SYSTEM,
    guard: Mapping[str, Any] | None = None,
    **fields: Any,
) -> None:
    """``moves.move`` that also sets ``Execution.reason``. Raises LostRace and IllegalMove."""
    moves.move(execution, to, now=now, reason=reason, by=by, guard=guard, keep_reason=True, **fields)
