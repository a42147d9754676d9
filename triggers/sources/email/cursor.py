"""Which mails of a mailbox are new: UIDVALIDITY, the highest UID, and what was taken of the UIDs just below it. Pure.

A server may show a mail after one with a higher UID, so each poll looks back over a window. After a new UIDVALIDITY no
old UID means anything: what arrived since the baseline is taken again, as far back as repeats are known, and deciding
drops what it has seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

WINDOW = 50
LONGEST_DELAY = timedelta(days=7)


@dataclass(frozen=True)
class Cursor:
    """``uid`` is the highest taken; ``taken`` are those taken of the window below it.

    ``baseline_at`` is when the first poll was, or the end of what is remembered: what was there before fires nothing.
    ``recheck_below``: mails with a
    lower UID were renumbered and may be from before the baseline; 0 when none was.
    """

    uidvalidity: int
    uid: int
    taken: frozenset[int]
    baseline_at: datetime
    recheck_below: int = 0

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> "Cursor | None":
        """The cursor in its stored form; None where there is none, or none that can be read."""
        try:
            return cls(
                uidvalidity=int(stored["uidvalidity"]),
                uid=int(stored["uid"]),
                taken=frozenset(int(uid) for uid in stored["taken"]),
                baseline_at=datetime.fromisoformat(stored["baseline_at"]).astimezone(UTC),
                recheck_below=int(stored.get("recheck_below", 0)),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def to_store(self) -> dict[str, Any]:
        """A form that JSON can hold."""
        return {
            "uidvalidity": self.uidvalidity,
            "uid": self.uid,
            "taken": sorted(self.taken),
            "baseline_at": self.baseline_at.isoformat(),
            "recheck_below": self.recheck_below,
        }

    @property
    def first_looked_at(self) -> int:
        """Where the window begins."""
        return max(1, self.uid - WINDOW + 1)

    def new_among(self, uids: Iterable[int]) -> list[int]:
        """Those that were not taken yet, ascending."""
        return sorted(uid for uid in uids if uid >= self.first_looked_at and uid not in self.taken)

    def past(self, uids: Iterable[int]) -> "Cursor":
        """The cursor once these are dealt with."""
        taken = self.taken | frozenset(uids)
        uid = max(taken, default=0)
        moved = replace(self, uid=max(self.uid, uid))
        return replace(moved, taken=frozenset(one for one in taken if one >= moved.first_looked_at))

    def not_before(self, known_since: datetime) -> "Cursor":
        """The cursor with a baseline that is no older than what is still known as a repeat; a week is left for mails
        whose date is before their arrival.
        """
        return replace(self, baseline_at=max(self.baseline_at, known_since.astimezone(UTC) + LONGEST_DELAY))

    def is_from_before(self, uid: int, arrived: datetime | None, sent: datetime | None) -> bool:
        """Whether a renumbered mail was there before the baseline.

        A server that rebuilt its mailbox may call all mails new; then the sender's date tells, with a week for mails
        that were long under way.
        """
        if uid >= self.recheck_below:
            return False
        if arrived is not None and arrived < self.baseline_at:
            return True
        return sent is not None and sent < self.baseline_at - LONGEST_DELAY


def baseline(*, uidvalidity: int, uidnext: int, there: Iterable[int], now: datetime) -> Cursor:
    """The cursor of a first poll: everything that is ``there`` is old."""
    start = Cursor(uidvalidity, max(0, uidnext - 1), frozenset(), now.astimezone(UTC))
    return start.past(there)


def renumbered(old: Cursor, *, uidvalidity: int, uidnext: int, recent: Iterable[int]) -> Cursor:
    """The cursor after a new UIDVALIDITY: before the first of the mails that arrived ``recent``ly."""
    before = min(recent, default=uidnext) - 1
    window = frozenset(range(max(1, before - WINDOW + 1), before + 1))
    return Cursor(uidvalidity, before, window, old.baseline_at, recheck_below=uidnext)
