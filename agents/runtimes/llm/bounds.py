"""What a profile may allow an agent that asks a model: an object of tools and limits in its ``permissions``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TOOLS = (
    "list_files",
    "read_file",
    "search_files",
    "write_file",
    "patch_file",
    "mark_deliverable",
    "ask_human",
)
# name → (smallest, usual, largest)
LIMITS: Mapping[str, tuple[int, int, int]] = {
    "max_requests": (1, 60, 1_000),
    "max_tokens": (1, 1_000_000, 1_000_000_000),
    "max_answer_tokens": (256, 8_192, 20_000),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one run: its tools, how often it may ask, and tokens of the whole run and of one answer."""

    tools: tuple[str, ...]
    requests: int
    tokens: int
    answer_tokens: int


def bounds_of(permissions: Mapping[str, Any]) -> Bounds:
    """Those of a profile; all tools and the usual limits where it says nothing."""
    allowed = permissions.get("tools", TOOLS)
    requests, tokens, answer = (permissions.get(name, usual) for name, (_, usual, _) in LIMITS.items())
    return Bounds(tuple(name for name in TOOLS if name in allowed), requests, tokens, answer)


def problem_of(permissions: Mapping[str, Any]) -> str:
    """What is wrong with a profile's permissions, in a sentence; empty where nothing is."""
    tools = permissions.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(name, str) and name in TOOLS for name in tools):
        return f"The tools are a list of some of {', '.join(TOOLS)}."
    for name, (low, _, high) in LIMITS.items():
        value = permissions.get(name, low)
        if type(value) is not int or not low <= value <= high:
            return f"“{name}” is a whole number from {low:,} to {high:,}."
    unknown = [name for name in permissions if name != "tools" and name not in LIMITS]
    return f"There is no permission “{unknown[0]}”; there are tools, {', '.join(LIMITS)}." if unknown else ""
