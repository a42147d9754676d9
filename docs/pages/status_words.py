"""The page of status words, from the table of words, the enums and the tables of moves."""

from collections.abc import Mapping

from agents.enums import AGENT_MOVES
from dct_site.kernel.moves import Machine
from dct_site.kernel.statuswords import WORDS, Kind
from deliverables.enums import DELIVERABLE_MOVES
from docs.pages.markdown import code, joined, listed, table
from docs.pages.meanings import MEANINGS, TITLES
from triggers.enums import (
    BULK_REPLAY_MOVES,
    ERASURE_MOVES,
    EXECUTION_MOVES,
    LISTENER_MOVES,
    TRIGGER_MOVES,
    WATCH_MOVES,
    Refusal,
)
from workspaces.enums import WORKSPACE_MOVES

MOVES: Mapping[Kind, Machine] = {
    Kind.EXECUTION: EXECUTION_MOVES,
    Kind.TRIGGER: TRIGGER_MOVES,
    Kind.AGENT: AGENT_MOVES,
    Kind.WORKSPACE: WORKSPACE_MOVES,
    Kind.DELIVERABLE: DELIVERABLE_MOVES,
    Kind.LISTENER: LISTENER_MOVES,
    Kind.BULK_REPLAY: BULK_REPLAY_MOVES,
    Kind.WATCH: WATCH_MOVES,
    Kind.ERASURE: ERASURE_MOVES,
}

INTRODUCTION = """# Status words

The same words in the pages, the API, the websocket and the database. *Shown as* is what the pages say. Where a table
has a column *may become*, the status is written by one function only, along that table, with an entry in the journal;
**–** means: for good."""


def page() -> str:
    """The Markdown of reference/status-words.md."""
    return joined(INTRODUCTION, *(part for kind in Kind for part in _section(kind)), *_refusals())


def _section(kind: Kind) -> tuple[str, str]:
    machine = MOVES.get(kind)
    head = ["word", "shown as", "meaning", *(["may become"] if machine else [])]
    rows = [
        [
            code(word),
            look.word,
            MEANINGS[kind][word],
            *([listed(name for name in machine.moves if machine.allows(word, name))] if machine else []),
        ]
        for word, look in WORDS[kind].items()
    ]
    return f"## {TITLES[kind]}", table(head, rows)


def _refusals() -> tuple[str, str, str]:
    said = "A delivery that is `rejected` (at the door) or `refused` (by its source's parser) says why:"
    return (
        "## Reasons of a delivery",
        said,
        table(["word", "shown as"], ([code(one.value), one.label] for one in Refusal)),
    )
