"""The page of conditions, from the leaves, the operators and the facts that they look at."""

from typing import Any

from docs.pages.markdown import code, joined, listed, table
from triggers.conditions import paths, patterns, shared_keys, tree
from triggers.conditions.facts import ChangePath, Kind
from triggers.conditions.leaves import LEAVES
from triggers.conditions.leaves.absence import ELAPSED
from triggers.conditions.leaves.count import MOST
from triggers.conditions.operators import TABLE, Argument
from triggers.conditions.registry import Leaf
from triggers.services.decide.watches import MOST_ARMED

ARGUMENTS = {
    Argument.NOTHING: "nothing",
    Argument.PART: "text that is not empty, a number, true, false or null",
    Argument.SCALAR: "text, a number, true, false or null",
    Argument.TEXT: "text that is not empty",
    Argument.LIST: "a list of at least one",
    Argument.BOUND: "a number, or a date and time",
    Argument.BOUNDS: "a list of two numbers or two dates, the smaller first",
    Argument.NETWORKS: "a list of at least one network such as `10.0.0.0/8`",
}
EXPLAINED = ("absence", "count", "field", "sequence", "time_window")
"""Types that have a section of their own below the table."""
KEYS = {
    "search_string": "the key, headline or text holds it",
    "case_sensitive": "every comparison of this condition minds upper and lower case",
    "from_status": "the status was this before",
    "to_status": "the status is this now",
    "new_assignee": "the event assigns it to this person",
    "min_length": "the text has at least this many characters",
    "from_user": "this actor caused the event",
    "contains_keywords": "the key, headline or text holds any of these",
}

INTRODUCTION = f"""# Conditions

A trigger's conditions are a tree of groups and leaves. Examples:
[how to write conditions](../how-to/write-conditions.md).

```json
{{"all": [
  {{"type": "status_change", "config": {{"to_status": "merged"}}}},
  {{"none": [
    {{"type": "field", "config": {{"path": "data.pull_request.base.ref", "operator": "prefix", "value": "wip/"}}}}
  ]}}
]}}
```

* A **group** holds exactly one of `all` (every one holds), `any` (at least one), `none` (not one) with a list. A plain
  list is `any`.
* A **leaf** has a `type`, a `config` and, where there will be more than one, a `version` (1 when left out).
* At most {tree.MAX_LEAVES} leaves, {tree.MAX_DEPTH} levels, {tree.MAX_STRING:,} characters in one text.
* A condition *holds*, *does not hold*, or *cannot tell*. Cannot tell is not no: where it decides the whole, the trigger
  answers `error` with the reason and does not fire."""

FIELD = f"""## Paths of the `field` condition

A path is dotted: `event.type`, `data.pull_request.base.ref`, `changes.status.new`, `item.state.labels.0`. It begins
with {listed(f"{root}." for root in paths.ROOTS)}. A dot inside a key is written `\\.`. It is a look-up, not a language:
no calls, no wildcards.

* `event.`: {listed(paths.EVENT_FIELDS)}
* `data.`: the payload as it arrived
* `changes.NAME.old` and `.new` (or `changes.NAME`, the new one); the names that all sources share are
  {listed(ChangePath)}
* `item.`: {listed(paths.ITEM_FIELDS)}; the item as it was **before** the event
* `event.kinds` holds any of {listed(Kind)}"""

PATTERNS = f"""`matches` searches with RE2: linear in time, so without look-around and back-references. A pattern has
at most {patterns.MAX_PATTERN_CHARACTERS} characters and is tried when it is saved. `glob` knows `*` and `?` and fits
the whole text. Both look at texts of up to {patterns.MAX_INPUT_BYTES // 1024} kB; above that they cannot tell.

A field that is **not there** never holds, under `not_equals` neither: a mistyped path would match everything. Ask with
`absent`."""


HOURS = """## Hours of the `time_window` condition

`from` and `to` are times of day such as `09:00` by the clock on the wall in `zone` (an IANA name such as
`Europe/Berlin`), also when summer time begins or ends; `to` itself is outside, and may be `24:00`. Without them it is
the whole day. Where `to` is before `from` it goes over midnight and belongs to the day on which it begins. It looks at
the time that the event itself tells, not at when it was accepted: what a customer wrote at night stays written at night
when it is fetched in the morning, and a replay gets the answer of then. For what comes too late there is
`stale_after`."""

COUNTS = f"""## Counting with `count`

It holds where at least `at_least` events like this one came within `within_s` seconds, this one included. *Like this*
are the events of the same item (`per`: `item`, when left out) or of the same connection, to which the rest of the
trigger's conditions did not say no: `all` of *it failed* and *3 times in 10 minutes* counts failures. With `distinct`,
a path below `event.`, `data.` or `changes.`, events with the same value there are one, and those without a value none.

* Time is when an event was accepted; the order is that in which they were decided.
* Replays, baselines and what a person fired by hand do not count. A replay is answered by what came before the event
  that it repeats. A published trigger counts events from before it was published, too.
* The event and its item are asked first. Where they decide, no other event is looked at; otherwise the answer is kept,
  also a no, with the events that it rests on (`facts.counted_events`).
* Of one item or connection the newest {MOST:,} events are looked at; where these do not suffice, it cannot tell."""

SEQUENCES = f"""## One after another with `sequence`

It holds for an event of which `then` holds, where an event of which `first` holds came within `within_s` seconds before
it, about the same item (`per`: `item`, when left out) or over the same connection. Both are trees of conditions that
look at one event: `count`, `sequence` and `absence` are refused in them. With `same_by`, a path below `event.`, `data.`
or `changes.`, both have the same value there; an event without one comes after nothing.

* Order, time and what is not counted are as with `count`, and so are the {MOST:,} events that are looked at.
* Other events are looked at only where `then` holds; the answer is kept with those of which `first` held
  (`facts.counted_events`). Where that cannot be told of one of them, and no other came, the sequence cannot tell."""

ABSENCES = f"""## Waiting for silence with `absence`

It holds when `within_s` seconds have passed since an event of which `after` holds, and none of which `without` holds
came in the meantime about the same item. Both are trees of conditions that look at one event. No event from outside
makes it hold: an event that arms it starts a **watch** of its item, and when that is due the clock brings an event of
DCT's own, `{ELAPSED}`, to this trigger alone.

* **Armed** by an event of which `after` holds, whatever the other conditions say then; these, and the item's state, are
  asked when the time is up. The event of the clock has no text and no actor, so what the first event must be like
  belongs into `after`; the eight keys narrow `after`, too.
* **A later event** of which `after` holds changes nothing while a watch of the item runs (`counts_from`: `first`, when
  left out). With `last` it disarms that watch and arms another: the time counts from the last one.
* **Disarmed** by an event of which `without` holds that is accepted before the due time. An event of which both hold
  disarms, and then arms anew: with the same tree twice, it waits until nothing comes any more.
* Times are those of acceptance. When its time is up, what came in between is looked at once more: what was accepted in
  time counts although it was decided later. Where what came is no longer kept, or is more than {MOST:,} events, it
  cannot tell.
* Replays, baselines, what a person fired by hand and events about no item arm and disarm nothing.
* **Paused**: it goes on arming, and what is due is answered `suppressed: paused`. **Disabled or deleted**, or published
  without this absence: its watches end. A revision with the same `after`, `without`, `within_s`, `counts_from` and keys
  goes on with them. With an item its watches are gone.
* Of one trigger at most {MOST_ARMED:,} watches are armed; an event that would arm one more is answered `error`, which
  says so.
* The trigger's page, the item's page, `GET watches/?trigger=` (or `?context_item=`) and the admin show what is armed,
  and until when; an event's page and `explain`, what it armed or disarmed."""


def page() -> str:
    """The Markdown of reference/conditions.md."""
    leaves = sorted(LEAVES, key=lambda leaf: (leaf.type, leaf.version))
    rows = ([code(leaf.type), leaf.title, _holds_when(leaf), _own_keys(leaf)] for leaf in leaves)
    operators = (
        [
            code(operator),
            f"{row.words} …" if row.argument is not Argument.NOTHING else row.words,
            ARGUMENTS[row.argument],
        ]
        for operator, row in TABLE.items()
    )
    keys = ([code(key), _type(shared_keys.PROPERTIES[key]), KEYS[key]] for key in shared_keys.PROPERTIES)
    return joined(
        INTRODUCTION,
        "## Types",
        table(["type", "in the editor", "holds when", "keys of its own"], rows),
        "## Keys that every type takes",
        "Joined by *and* with the type's own question. A key that is empty, null or left out is not asked.",
        table(["key", "value", "holds when"], keys),
        FIELD,
        "## Operators of the `field` condition",
        table(["operator", "reads as", "value"], operators),
        PATTERNS,
        HOURS,
        COUNTS,
        SEQUENCES,
        ABSENCES,
    )


def _holds_when(leaf: Leaf) -> str:
    return f"{leaf.about}; see below" if leaf.type in EXPLAINED else leaf.about


def _own_keys(leaf: Leaf) -> str:
    shown = [
        f"{code(name)}: {_type(schema)}{', required' if name in leaf.required else ''}"
        for name, schema in leaf.properties.items()
    ]
    return "; ".join(shown) or "–"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "see below" if len(schema["enum"]) > 5 else f"one of {listed(schema['enum'])}"
    name = schema.get("type")
    name = name if isinstance(name, str) or name is None else name[0]
    return {
        "object": "a tree of conditions",
        "string": "text",
        "boolean": "true or false",
        "integer": "a whole number",
        "array": "a list of texts",
    }.get(name or "", "see below")
