"""Days on which a schedule rests: dates, spans of dates and days of every year, one a line. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MOST_LINES = 400
MOST_DAYS = 366
"""Of one span."""
_LINE = re.compile(r"(?P<first>[0-9]{4}-[0-9]{2}-[0-9]{2})(/(?P<last>[0-9]{4}-[0-9]{2}-[0-9]{2}))?", re.ASCII)
_YEARLY = re.compile(r"[0-9]{2}-[0-9]{2}", re.ASCII)
_LEAP_YEAR = 2000


class BadDays(ValueError):
    """A line is no day; the message says which, and what one looks like."""


@dataclass(frozen=True)
class Days:
    """Spans (first, last), and (month, day) of every year."""

    spans: tuple[tuple[date, date], ...] = ()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def __or__(self, other: "Days") -> "Days":
        return Days((*self.spans, *other.spans), self.yearly | other.yearly)

    def rests(self, day: date) -> bool:
        """Whether nothing runs on a day."""
        return (day.month, day.day) in self.yearly or any(first <= day <= last for first, last in self.spans)

    def rests_until(self, day: date) -> date:
        """The last day of the rest that a day is in, as far as one span says."""
        return max((last for first, last in self.spans if first <= day <= last), default=day)


def read_days(lines: Iterable[str]) -> Days:
    """Read a list: ``2026-12-25``, ``2026-12-24/2027-01-02``, ``12-25`` (every year), each with a remark behind it.

    Empty lines and those that begin with ``#`` say nothing. Raises BadDays.
    """
    spans: list[tuple[date, date]] = []
    yearly: set[tuple[int, int]] = set()
    for number, line in enumerate(lines, start=1):
        if number > MOST_LINES:
            raise BadDays(f"There are more than {MOST_LINES} lines.")
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        try:
            if _YEARLY.fullmatch(words[0]):
                yearly.add(_yearly(words[0]))
            else:
                spans.append(_span(words[0]))
        except ValueError as wrong:
            raise BadDays(f"Line {number}: {words[0][:40]!r} is no day. {_HINT}") from wrong
    return Days(tuple(sorted(spans)), frozenset(yearly))


_HINT = "Write 2026-12-25, 2026-12-24/2027-01-02 for a span, or 12-25 for every year."


def _yearly(word: str) -> tuple[int, int]:
    day = date.fromisoformat(f"{_LEAP_YEAR}-{word}")
    return day.month, day.day


def _span(word: str) -> tuple[date, date]:
    found = _LINE.fullmatch(word)
    if found is None:
        raise ValueError(word)
    first = date.fromisoformat(found["first"])
    last = date.fromisoformat(found["last"] or found["first"])
    if not first <= last < first + timedelta(days=MOST_DAYS):
        raise ValueError(word)
    return first, last
