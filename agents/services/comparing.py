"""Two agents side by side: what they were started from, said and left, and where that differs. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from agents.models import Agent, AgentMessage, ObsoleteAgentRecord
from agents.selectors.records import changed_files, lines_of, profile_as_it_is
from agents.services.obsolete import changes_now

COMPARED = 20_000
"""Messages that are looked at for the first that differs."""


class IsGone(Exception):
    """What a record held is no longer kept; the text says since when."""

    def __init__(self, record: ObsoleteAgentRecord) -> None:
        super().__init__(f"What agent {record.agent_id} said is no longer kept, since {record.purged_at:%Y-%m-%d}.")


@dataclass(frozen=True)
class Side:
    """One of the two: a record, or an agent (``record`` is None) as it is now."""

    agent: Agent
    record: ObsoleteAgentRecord | None
    profile: Mapping[str, Any]
    checkpoint: Mapping[str, Any]
    messages: int
    reason: str
    by: str
    at: datetime | None


@dataclass(frozen=True)
class FilePair:
    """A file that differs from what the workspace began with, on either side: how (None: there it does not)."""

    path: str
    left: Mapping[str, Any] | None
    right: Mapping[str, Any] | None

    @property
    def is_same(self) -> bool:
        return self.left == self.right


@dataclass(frozen=True)
class Comparison:
    """``same_messages``: how many messages are alike from the beginning; ``is_cut``: no more were looked at.
    ``files`` is None where one side was never looked at.
    """

    left: Side
    right: Side
    same_messages: int
    is_cut: bool
    profile_differs: Sequence[str]
    checkpoint_differs: bool
    files: Sequence[FilePair] | None


def side_of(row: ObsoleteAgentRecord | Agent) -> Side:
    """A record, or an agent. Raises IsGone for a record that holds nothing any more."""
    if isinstance(row, Agent):
        count = AgentMessage.objects.filter(agent_id=row.pk).count()
        told = profile_as_it_is(row.profile)
        return Side(row, None, told, row.checkpoint, count, row.reason, "", row.ended_at)
    if row.purged_at is not None:
        raise IsGone(row)
    return Side(row.agent, row, row.profile, row.checkpoint, row.message_count, row.reason, row.by_label, row.at)


def compare(left: ObsoleteAgentRecord | Agent, right: ObsoleteAgentRecord | Agent) -> Comparison:
    """Reads conversations and, of an agent, files: not inside a transaction. Raises IsGone."""
    one, other = side_of(left), side_of(right)
    same, is_cut = _same(one, other)
    return Comparison(
        left=one,
        right=other,
        same_messages=same,
        is_cut=is_cut,
        profile_differs=[name for name in one.profile if one.profile[name] != other.profile.get(name)],
        checkpoint_differs=one.checkpoint != other.checkpoint,
        files=_files(one, other),
    )


def said_by(side: Side, *, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Messages after number ``after``, in the shape of ``lines_of``."""
    if side.record is not None:
        return lines_of(side.record, after=after, limit=limit)
    rows = AgentMessage.objects.filter(agent_id=side.agent.pk, seq__gt=after).order_by("seq")
    found = rows.values("seq", "kind", "text", "data", "at")
    return ({**row, "at": row["at"].isoformat()} for row in islice(found.iterator(chunk_size=500), limit))


def _same(one: Side, other: Side) -> tuple[int, bool]:
    """(how many messages are alike from the beginning, whether nobody looked further)."""
    same = 0
    for left, right in zip(said_by(one, limit=COMPARED), said_by(other, limit=COMPARED), strict=False):
        if any(left[name] != right[name] for name in ("kind", "text", "data")):
            return same, False
        same += 1
    return same, same == COMPARED


def _files(one: Side, other: Side) -> list[FilePair] | None:
    left, right = _changed(one), _changed(other)
    if left is None or right is None:
        return None
    paths = sorted({*left, *right}, key=lambda path: path.split("/"))
    return [FilePair(path, left.get(path), right.get(path)) for path in paths]


def _changed(side: Side) -> dict[str, dict[str, Any]] | None:
    if side.record is not None:
        return None if side.record.changes is None else {row["path"]: row for row in changed_files(side.record)}
    found = changes_now(side.agent.pk)
    return None if found is None else {row.path: asdict(row) for row in found.files}
