"""Random triggers and events out of a small vocabulary, so that they meet; and the naive scan, which is the oracle."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from triggers.conditions.evaluate import evaluate
from triggers.conditions.facts import EventFacts, ItemFacts, Kind, Origin, TrustTier
from triggers.conditions.leaves import LEAVES, absence
from triggers.conditions.leaves.absence import ELAPSED
from triggers.conditions.leaves.time_window import DAYS
from triggers.conditions.operators import Operator
from triggers.conditions.tree import MAX_DEPTH, group_kind
from triggers.matching.index import Entry, connection_scope, item_scope

# Letters that fold, compose or break in odd ways; parts of each other; a NUL and half of a character.
WORDS = st.sampled_from(
    [
        *(
            "ana",
            "Ana",
            "@ana",
            "an",
            "a",
            "open",
            "Open",
            "reopened",
            "open door",
            "the",
            "",
            "1",
            "true",
            "2026-11-20",
            "10.1.2.3",
            "10.0.0.0/8",
            "::ffff:10.0.0.1",
            "fe80::/10",
        ),
        *("H", "h", "H\u0331", "\u1e96", "ß", "SS", "é", "e\u0301", "İ", "\0", "a\0b", "\ud800"),
    ]
)
TEXTS = st.lists(WORDS, max_size=5).map(" ".join) | WORDS
SCALARS = st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, 2.5, 10**30]) | WORDS
NAMES = st.sampled_from(["a", "b", "status", "x.y", "0"])
JSON = st.recursive(
    SCALARS, lambda child: st.lists(child, max_size=3) | st.dictionaries(NAMES, child, max_size=3), max_leaves=5
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3)
CHANGED = st.sampled_from(["status", "assignee", "priority", "x.y"])
# Around the hours at which summer time begins and ends, midnights, and both ends of the calendar.
TIMES = (
    st.none()
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.sampled_from(
        [
            datetime(2026, month, day, hour, 30, tzinfo=UTC)
            for month, day in ((3, 28), (3, 29), (10, 25))
            for hour in range(24)
        ]
    )
)
EVENTS = st.builds(
    EventFacts,
    source=WORDS | st.sampled_from(["internal"]),
    type=WORDS | st.sampled_from([ELAPSED]),
    subject=WORDS,
    actor=WORDS,
    title=TEXTS,
    text=TEXTS,
    time=TIMES,
    data=OBJECTS,
    changes=st.dictionaries(CHANGED, st.tuples(JSON, JSON), max_size=4),
    kinds=st.lists(st.sampled_from([kind.value for kind in Kind]), max_size=3).map(tuple),
    mentions=st.lists(WORDS, max_size=2).map(tuple),
    is_reply=st.booleans(),
    trust_tier=st.sampled_from(TrustTier),
    origin=st.sampled_from(Origin),
)
ITEMS = st.none() | st.builds(ItemFacts, kind=WORDS, key=WORDS, state=OBJECTS, version=st.integers(0, 2))

PATHS = st.sampled_from(
    [
        *("data.a", "data.a.0", "data.a.b", "data.x\\.y", "data.a.a.a.a"),
        *("changes.status", "changes.x.y", "changes.x.y.old", "changes.status.new"),
        *(
            "event.text",
            "event.actor",
            "event.kinds",
            "event.kinds.0",
            "event.time",
            "event.time.a",
            "event.trust_tier",
        ),
        *("item.state.a", "item.key", "item.version"),
    ]
)
CLOCKS = st.sampled_from(["00:00", "02:30", "09:00", "17:00", "24:00", "", "9", "25:00"]) | st.none()
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
SHARED = {
    "search_string": WORDS | st.none(),
    "case_sensitive": st.booleans(),
    "from_status": WORDS,
    "to_status": WORDS,
    "new_assignee": WORDS,
    "min_length": st.integers(0, 20),
    "from_user": WORDS,
    "contains_keywords": st.lists(WORDS, max_size=3),
}
# Trees inside a leaf: about one event, and now and then what validation refuses there.
SMALL_LEAVES = st.sampled_from(
    [
        {"type": "field", "config": {"path": "data.a", "operator": "equals", "value": "ana"}},
        {"type": "field", "config": {"path": "data.a", "operator": "gte", "value": 1}},
        {"type": "mention", "config": {"who": ["ana"]}},
        {"type": "string_match", "config": {"search_string": "open door"}},
        {"type": "new_comment", "config": {"from_user": "Ana"}},
        {"type": "trust_tier", "config": {"at_least": "open"}},
        {"type": "count", "config": {"at_least": 2, "within_s": 60}},
    ]
)
SMALL_TREES = (
    SMALL_LEAVES
    | st.lists(SMALL_LEAVES, max_size=2)
    | st.builds(
        lambda name, children: {name: children},
        st.sampled_from(["all", "any", "none"]),
        st.lists(SMALL_LEAVES, max_size=2),
    )
    | JSON
)
WITHIN = st.sampled_from([1, 600, 1.5, "1", None, 10**17])
OWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "field": (
        {"path": PATHS, "operator": st.sampled_from([operator.value for operator in Operator])},
        {"value": VALUES},
    ),
    "sender": ({"allow": st.lists(WORDS, max_size=3)}, {}),
    "trust_tier": ({"at_least": st.sampled_from([tier.value for tier in TrustTier])}, {}),
    "mention": ({}, {"who": st.lists(WORDS, max_size=2)}),
    "time_window": (
        {"zone": st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Europe", "Mars/Base", "../x", ""])},
        {"days": st.lists(st.sampled_from([*DAYS, "never"]), max_size=4), "from": CLOCKS, "to": CLOCKS},
    ),
    "count": (
        {"at_least": st.integers(2, 5), "within_s": st.sampled_from([1, 600, "1", None, 10**17])},
        {"per": st.sampled_from(["item", "connection", "world"]), "distinct": PATHS | WORDS},
    ),
    "priority_change": ({}, {"from_priority": WORDS, "to_priority": WORDS}),
    "sequence": (
        {"first": SMALL_TREES, "then": SMALL_TREES, "within_s": WITHIN},
        {"per": st.sampled_from(["item", "connection", "world"]), "same_by": PATHS | WORDS},
    ),
    "absence": (
        {"after": SMALL_TREES, "without": SMALL_TREES, "within_s": WITHIN},
        {"counts_from": st.sampled_from(["first", "last", "never"])},
    ),
}


def _config(type_: str) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = OWN.get(type_, ({}, {}))
    few = st.fixed_dictionaries({}, optional=SHARED).map(lambda config: dict(list(config.items())[:2]))
    own = st.fixed_dictionaries(required, optional=optional)
    return own | st.builds(lambda one, other: {**one, **other}, few, own)


def _leaf(type_: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(type_), "config": _config(type_)}, optional={"version": st.just(1)})


SOUND_LEAVES = st.sampled_from(LEAVES.types()).flatmap(_leaf)
# What validation refuses, and yet may be asked: an older version of DCT may have stored it.
BROKEN_LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from([*LEAVES.types(), "unheard_of", 3, ["field"]])},
    optional={
        "version": st.sampled_from([1, 2, True, 1.0, "1"]),
        "config": JSON
        | st.dictionaries(
            st.sampled_from(
                [
                    *SHARED,
                    "path",
                    "operator",
                    "value",
                    "allow",
                    "at_least",
                    "who",
                    "to_priority",
                    "zone",
                    "days",
                    "from",
                    "to",
                    "at_least",
                    "within_s",
                ]
            ),
            JSON | PATHS | st.sampled_from([operator.value for operator in Operator]),
            max_size=4,
        ),
    },
)
LEAF = SOUND_LEAVES | SOUND_LEAVES | SOUND_LEAVES | BROKEN_LEAVES | JSON
TREES = st.recursive(
    LEAF,
    lambda child: st.builds(
        lambda name, children: {name: children},
        st.sampled_from(["all", "any", "none"]),
        st.lists(child, max_size=3),
    ),
    max_leaves=6,
) | st.lists(LEAF, max_size=2)

SCOPES = st.lists(
    st.sampled_from([connection_scope(1), connection_scope(2), item_scope(1), item_scope(2)]),
    max_size=3,
    unique=True,
).map(tuple)


def entry(trigger_id: int, scopes: Iterable[int], tree: Any, *, revision_id: int = 0) -> Entry:
    """What the index is told about a trigger; its revision is numbered after it unless said otherwise."""
    return Entry(trigger_id, revision_id or trigger_id * 10, tuple(scopes), json.dumps(tree))


def naive(
    entries: Iterable[Entry], event: EventFacts, item: ItemFacts | None, scopes: Iterable[int]
) -> list[tuple[int, int]]:
    """The oracle: ask everybody who listens; (trigger id, revision id) of each that matches, or cannot tell, or of
    which a watch may begin or end.
    """
    asked = [one for one in entries if set(one.scopes) & set(scopes)]
    return sorted(
        (one.trigger_id, one.revision_id)
        for one in asked
        if any(evaluate(tree, event, item).because.holds is not False for tree in _trees(json.loads(one.conditions)))
    )


def _trees(tree: Any) -> list[Any]:
    """The conditions, and what arms or disarms in them."""
    found = [tree]
    for one in _nodes(tree, 1):
        try:
            want = absence.wanted(one["config"])
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            continue
        found += [want.after, want.without]
    return found


def _nodes(node: Any, depth: int) -> list[Any]:
    if isinstance(node, list) and depth == 1:
        return [found for child in node for found in _nodes(child, 2)]
    kind = group_kind(node)
    if kind is not None:
        return [found for child in node[kind.value] for found in _nodes(child, depth + 1)] if depth <= MAX_DEPTH else []
    is_one = isinstance(node, dict) and node.get("type") == "absence" and node.get("version", 1) == 1
    return [node] if is_one and depth <= MAX_DEPTH else []
