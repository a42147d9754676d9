"""Durations, ages and sizes in the words of the interface: ``14 ms``, ``1.1 s``, ``2 m 04 s``, ``3 h``."""

from datetime import datetime

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400


def duration_words(ms: float) -> str:
    """Milliseconds as a person reads them; negative values count as nothing."""
    ms = max(ms, 0.0)
    if round(ms) < 1000:
        return f"{ms:.1f} ms" if ms < 1 else f"{round(ms)} ms"
    tenths = round(ms / 100)
    if tenths < 100:
        return f"{tenths // 10} s" if tenths % 10 == 0 else f"{tenths / 10:.1f} s"
    return _long_words(round(ms / 1000))


def _long_words(seconds: int) -> str:
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} m {seconds % MINUTE_S:02d} s"
    if seconds < 2 * DAY_S:
        hours, minutes = divmod(round(seconds / MINUTE_S), 60)
        return f"{hours} h {minutes:02d} m" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / HOUR_S), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _step(seconds: int) -> str:
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} m"
    if seconds < DAY_S:
        return f"{seconds // HOUR_S} h"
    return f"{seconds // DAY_S} d"


def ago_words(moment: datetime, now: datetime) -> str:
    """How long ago (or ahead) ``moment`` lies from ``now``; both aware. ``js/clock.js`` counts on in the same words."""
    seconds = int((now - moment).total_seconds())
    if abs(seconds) < 1:
        return "now"
    if seconds < 0:
        return f"in {_step(-seconds)}"
    if DAY_S <= seconds < 2 * DAY_S:
        return "yesterday"
    if seconds >= 30 * DAY_S:
        return f"{moment:%Y-%m-%d}"
    return f"{_step(seconds)} ago"


def bytes_words(count: int) -> str:
    """A size in decimal units (1 kB = 1,000 bytes), one decimal below ten."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            return f"{size:.1f} {unit}" if size < 9.95 else f"{size:,.0f} {unit}"
    raise AssertionError("unreachable: the last unit always returns")
