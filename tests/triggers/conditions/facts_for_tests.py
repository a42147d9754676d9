"""Small builders of facts and trees for the condition tests."""

from datetime import timedelta
from typing import Any

from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts, ItemFacts
from triggers.conditions.history import Earlier, History, Per
from triggers.conditions.verdict import Node, Verdict


def make_event(**over: Any) -> EventFacts:
    """A pull request that Ana opened, with whatever the test changes about it."""
    return EventFacts(
        **{"source": "github/acme", "type": "pull_request", "subject": "acme/app#7", "actor": "ana"} | over
    )


def make_item(**over: Any) -> ItemFacts:
    usual: dict[str, Any] = {"kind": "ticket", "key": "OPS-1", "state": {"status": "Open"}, "version": 3}
    return ItemFacts(**(usual | over))


def leaf(type_: str, **config: Any) -> dict[str, Any]:
    return {"type": type_, "config": config}


def field(path: str, operator: str, *value: Any, **config: Any) -> dict[str, Any]:
    return leaf("field", path=path, operator=operator, **({"value": value[0]} if value else {}), **config)


class Written:
    """A history that is written out: the events before, newest first, whatever the time.

    Of what is asked for by a tree it brings those for which that holds; ``watch`` is the one whose time is up.
    """

    def __init__(self, *events: EventFacts, lacks: str = "", is_none: bool = False, watch: str = "") -> None:
        self._earlier = None if is_none else Earlier(events, lacks)
        self._watch = watch
        self.asked: list[tuple[timedelta, Per]] = []

    def earlier(self, *, within: timedelta, per: Per, like: Any = None) -> Earlier | None:
        self.asked.append((within, per))
        return self._like(like)

    def silence(self, *, watch: str, broken_by: Any) -> Earlier | None:
        return self._like(broken_by) if watch == self._watch else None

    def _like(self, tree: Any) -> Earlier | None:
        if tree is None or self._earlier is None:
            return self._earlier
        events = tuple(event for event in self._earlier.events if evaluate(tree, event, None).matched)
        return Earlier(events, self._earlier.lacks)


def answer(
    tree: Any, event: EventFacts | None = None, item: ItemFacts | None = None, history: History | None = None
) -> Verdict:
    return evaluate(tree, event or make_event(), item, history)


def holds(tree: Any, event: EventFacts | None = None, item: ItemFacts | None = None) -> bool | None:
    return answer(tree, event, item).because.holds


def leaves_of(node: Node) -> list[Node]:
    return [one for one in node.walk() if not one.children]
