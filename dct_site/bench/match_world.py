"""The triggers and events of `bench match`: half wait for a status, a quarter for a sender, a quarter for a phrase.

Half of those that wait for a status listen to one item, five to each; everybody else listens to the whole connection.
Every event matches two, whatever the number of triggers: a change of status one of its item's and one of the
connection's, a message one by its sender and one by its text.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from triggers.conditions.facts import EventFacts

MATCHES = 2
PER_ITEM = 5
WORDS_OF_TEXT = 50
_rng = Random(7)  # noqa: S311 - nothing secret comes of it
VOCABULARY = ["".join(_rng.choices("abcdefghijklmnoprstuvwz", k=_rng.randint(3, 9))) for _ in range(4000)]
"""Texts and phrases are made of the same words, so that the beginnings of phrases are everywhere."""


def leaf_of(number: int) -> dict[str, Any]:
    """The condition of a trigger, counted from 0."""
    kind, at = number % 4, number // 4
    if kind == 0:
        return {"type": "status_change", "version": 1, "config": {"from_status": f"State {at % PER_ITEM}"}}
    if kind == 1:
        return {"type": "status_change", "version": 1, "config": {"to_status": f"Stage {at}"}}
    if kind == 2:
        return {"type": "sender", "version": 1, "config": {"allow": [person(at)]}}
    return {"type": "string_match", "version": 1, "config": {"contains_keywords": [_phrase(at)]}}


def document_of(number: int, listener: dict[str, int], **limits: int) -> dict[str, Any]:
    """What the revision of a trigger, counted from 0, says."""
    return {
        "name": f"Trigger {number}",
        "priority": 5,
        "listeners": [listener],
        "conditions": {"all": [leaf_of(number)]},
        "workspace": {"template_id": 1, "title_pattern": "{item.key}: {item.title}", "deploy": "auto"},
        "agent": {"profile_id": 1, "instructions": "Read what changed, and write down what follows. " * 5},
        "deliverables": [{"name": "Report", "kind": "created", "target": "feedback/report.md", "required": True}],
        "limits": {"max_attempts": 3, **limits},
    }


def item_of(number: int) -> int | None:
    """Which item a trigger listens to, counted from 0; None for the whole connection."""
    return number // 4 // PER_ITEM if number % 4 == 0 else None


def events(count: int, triggers: int, seed: int) -> Iterator[tuple[EventFacts, int | None]]:
    """Events and the items they are about, each about others of the triggers; half of each sort."""
    rng = Random(seed)  # noqa: S311 - nothing secret comes of it
    some = triggers // 4
    for number in range(count):
        if number % 2:
            words = rng.choices(VOCABULARY, k=WORDS_OF_TEXT)
            words.insert(rng.randrange(WORDS_OF_TEXT), _phrase(rng.randrange(some)))
            yield _event("message", actor=person(rng.randrange(some)), text=" ".join(words)), None
        else:
            at = rng.randrange(some)
            yield (
                _event("updated", actor="nobody", changes={"status": (f"State {at % PER_ITEM}", f"Stage {at}")}),
                at // PER_ITEM,
            )


def _event(type_: str, **over: Any) -> EventFacts:
    return EventFacts(source="jira", type=f"jira.{type_}", subject="OPS-398", title="The ferry does not answer", **over)


def person(at: int) -> str:
    """The only one whom the trigger 4 * ``at`` + 2 waits for."""
    return f"person-{at}@example.org"


def _phrase(at: int) -> str:
    return f"{VOCABULARY[at % 4000]} {VOCABULARY[at * 7 % 3999]} {at}"
