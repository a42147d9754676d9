"""A reason tree made ready to show: marks, group sentences, expected and actual, and which leaf decided."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Shown = dict[str, Any]

VALUE_LIMIT = 500

MARKS: Mapping[object, tuple[str, str, str]] = {
    True: ("good", "check-lg", "Holds"),
    False: ("off", "x-lg", "Does not hold"),
    None: ("warn", "question-lg", "Cannot tell"),
}


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}… ({len(text):,} characters)"


def shown_values(value: object) -> list[str]:
    """The pieces of an expected or actual value; nothing there gives an empty list."""
    if value is None or value == "":
        return []
    return [_plain(piece) for piece in value] if isinstance(value, list | tuple) else [_plain(value)]


def group_words(kind: str, holding: int, total: int) -> str:
    """What a group asks and how many of its parts hold."""
    verb = "holds" if holding == 1 else "hold"
    if kind == "all":
        return f"of these must hold; {holding} of {total} {'does' if holding == 1 else 'do'}"
    if kind == "none":
        return f"of these may hold; {holding or 'none'} {'does' if holding in (0, 1) else 'do'}"
    return f"of these is enough; {holding or 'none'} {'holds' if holding == 0 else verb}"


def _culprits(node: Mapping[str, Any]) -> Iterator[int]:
    """Identities of the leaves that decided a "no" or "cannot tell"; none when the tree holds."""
    children = node.get("children") or []
    if not children:
        yield id(node)
        return
    wanted = True if node["kind"] == "none" and node["holds"] is False else node["holds"]
    guilty = [child for child in children if child["holds"] is wanted]
    for child in guilty:
        if wanted is True:
            yield id(child)
        else:
            yield from _culprits(child)


def _shown(node: Mapping[str, Any], culprits: frozenset[int]) -> Shown:
    children = node.get("children") or []
    is_group = node["kind"] != "leaf"
    tone, icon, word = MARKS[node["holds"]]
    culprit = id(node) in culprits
    below = [_shown(child, culprits) for child in children]
    if node["holds"] is not None and (culprit or any(child["decides"] for child in below)):
        tone = "bad"
    return {
        "is_group": is_group,
        "op": str(node["kind"]).upper(),
        "label": "" if is_group and str(node.get("label")).lower() == node["kind"] else node.get("label") or "",
        "tone": tone,
        "icon": icon,
        "word": word,
        "is_culprit": culprit and not is_group,
        "decides": culprit or any(child["decides"] for child in below),
        "group_words": group_words(node["kind"], sum(c["holds"] is True for c in children), len(children)),
        "expected": shown_values(node.get("expected")),
        "actual": shown_values(node.get("actual")),
        "note": node.get("note") or "",
        "children": below,
    }


def shown_tree(node: Mapping[str, Any]) -> Shown:
    """The whole reason tree (``kind, label, holds, expected, actual, children, note``) as the template walks it."""
    culprits = frozenset() if node["holds"] is True else frozenset(_culprits(node))
    return _shown(node, culprits)
