"""The bars that show how the agents' slots were used."""

from typing import Any

from agents.selectors.utilisation import PART, PARTS, Part, Utilisation

WIDTH, HEIGHT, GAP = 10, 60, 2
HOURS = round(PART.total_seconds() * PARTS / 3600)


def bars_of(found: Utilisation) -> dict[str, Any]:
    """What ``triggers/_utilisation.html`` draws: a bar for each part, against the limit or what was used beyond it."""
    most = max([found.limit, 1, *(part.used or 0.0 for part in found.parts)])
    return {
        "width": WIDTH * len(found.parts),
        "height": HEIGHT,
        "bars": [_bar(number, part, most) for number, part in enumerate(found.parts)],
        "limit_y": round(HEIGHT * (1 - found.limit / most), 1),
        "hours": HOURS,
        "words": _words(found),
    }


def _bar(number: int, part: Part, most: float) -> dict[str, Any]:
    height = round(HEIGHT * (part.used or 0.0) / most, 1)
    return {"x": number * WIDTH, "y": HEIGHT - height, "width": WIDTH - GAP, "height": height}


def _words(found: Utilisation) -> str:
    mean, highest = found.mean, found.highest
    if mean is None or highest is None or not highest.used:
        return f"No agent was at work in the last {HOURS} hours."
    share = f"{_percent(mean / found.limit)} of {found.limit}" if found.limit else _slots(mean)
    return f"{share} in use on average, at most {_slots(highest.used)} at {highest.at:%H:%M} UTC."


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "Less than 1%"


def _slots(used: float) -> str:
    return f"{used:.1f}" if used >= 0.1 else "less than 0.1"
