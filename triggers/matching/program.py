"""Compiling: a tree of conditions to one closure that answers what `evaluate` answers, without the reasons."""

from __future__ import annotations

import json
from threading import Lock
from typing import Any

from triggers.conditions.evaluate import answer_of_leaf
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.tree import MAX_DEPTH, as_group, group_kind
from triggers.conditions.verdict import NodeKind
from triggers.matching.leaves import questions
from triggers.matching.questions import Answer
from triggers.matching.subtrees import IS_TIMER, WATCHES, Subtree, subtree, watched


def compiled(tree: Any) -> Answer:
    """Whether an event matches: True, False, or None where nobody can tell; exactly as `evaluate` has it."""
    return _node(as_group(tree), 1)


def asked(tree: Any) -> Answer:
    """Whether an event concerns a trigger with these conditions: it matches, or arms or disarms a watch of it; None
    where nobody can tell.
    """
    parts = watched(tree)
    return _group(NodeKind.ANY, [compiled(tree), *map(compiled, parts)]) if parts else compiled(tree)


def _node(node: Any, depth: int) -> Answer:
    kind = group_kind(node)
    if depth > MAX_DEPTH:
        return _cannot_tell
    if kind is None:
        return _leaf(node, depth)
    children = [_node(child, depth + 1) for child in node[kind.value]]
    return _group(kind, children) if children else _cannot_tell


def _leaf(node: Any, depth: int) -> Answer:
    found = subtree(node)
    if found is not None:
        return _with_tree(found, _node(as_group(found.tree), depth + 1))
    needs = questions(node) if isinstance(node, dict) else None
    if not needs:
        return lambda event, item: answer_of_leaf(node, event, item)
    return _group(NodeKind.ALL, [question.holds for question in needs])


def _with_tree(found: Subtree, tree: Answer) -> Answer:
    if not found.is_end:
        return _group(NodeKind.ALL, [tree, _cannot_tell, *(question.holds for question in found.questions)])

    def holds(event: EventFacts, item: ItemFacts | None) -> bool | None:
        return None if IS_TIMER.holds(event, item) or tree(event, item) is None else False

    return holds


def _group(kind: NodeKind, children: list[Answer]) -> Answer:
    if len(children) == 1 and kind is not NodeKind.NONE:
        return children[0]
    parts = tuple(children)
    settling = kind is not NodeKind.ALL
    settled, otherwise = kind is NodeKind.ANY, kind is not NodeKind.ANY

    def holds(event: EventFacts, item: ItemFacts | None) -> bool | None:
        answer: bool | None = otherwise
        for part in parts:
            told = part(event, item)
            if told is settling:
                return settled
            if told is None:
                answer = None
        return answer

    return holds


def _cannot_tell(_event: EventFacts, _item: ItemFacts | None) -> None:
    return None


def tree_of(text: str) -> Any:
    """Conditions as they are written; of what is no JSON None, of which nobody can tell anything."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class Programs:
    """Compiled conditions by their text, as many as `room` characters of text come to; the oldest make room."""

    def __init__(self, room: int = 8_000_000) -> None:
        self._room = room
        self._lock = Lock()
        self._used = 0
        self._by_text: dict[str, Answer] = {}

    def get(self, text: str) -> Answer:
        """Whom an event concerns, see `asked`, of conditions written as JSON."""
        found = self._by_text.get(text)
        return found if found is not None else self._compile(text)

    def _compile(self, text: str) -> Answer:
        program = asked(tree_of(text)) if WATCHES in text else compiled(tree_of(text))
        with self._lock:
            if text not in self._by_text:
                self._by_text[text] = program
                self._used += len(text)
            while self._used > self._room and len(self._by_text) > 1:
                oldest = next(iter(self._by_text))
                del self._by_text[oldest]
                self._used -= len(oldest)
        return program
