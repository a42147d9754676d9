"""The port of a runtime: what it is told about one run, what it asks to be started, what it hears in its lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from agents.enums import MessageKind, TranscriptKind

RUN_DIRECTORY = "context/run"
INSTRUCTIONS_FILE = f"{RUN_DIRECTORY}/instructions.md"
RUN_FILE = f"{RUN_DIRECTORY}/run.json"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotRun(Exception):
    """It will not run however often it is tried; the text says in one sentence what to do."""


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """The model that a run asks: whose it is, what that speaks and where (empty: the maker's own), and the key."""

    provider: str
    api: str
    base_url: str
    model: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One run to prepare: where it works, as whom, and what it is asked.

    ``argv``, ``environment``, ``secrets`` and ``transcript`` are those of the registered program (empty for built-in
    runtimes), ``model`` and ``permissions`` those of a profile that asks a model. ``checkpoint`` is what an earlier run
    of the same agent left: ``{"session": id}``, or what its listener said. ``tokens`` and ``money`` are what is left of
    a budget (None: no bound; money in millionths).
    """

    agent_id: int
    epoch: int
    root: Path
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    transcript: str = TranscriptKind.LINES
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    is_network_allowed: bool = False
    model: ModelAccess | None = None
    permissions: Mapping[str, Any] = field(default_factory=dict)
    tokens: int | None = None
    money: int | None = None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """A program to start: its whole environment, and what it may reach beside its workspace.

    ``stdin`` is all that it reads on its standard input, which then ends; None where that stays open, for what people
    say while it works, as JSON lines. To others such words are given with the next run.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(repr=False)
    stdin: str | None = field(default="", repr=False)
    readonly: tuple[Path, ...] = ()
    is_network_allowed: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One typed line of a conversation."""

    kind: MessageKind
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


class Signal(StrEnum):
    """What a line may mean beside its words."""

    DONE = "done"
    QUESTION = "question"
    FAILED = "failed"
    HOPELESS = "hopeless"
    """It failed, and would again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one line of output is: messages to keep, at most one signal, and the session by which a later run of the
    agent goes on where this one is (empty: nothing is said of it), or all of its checkpoint. What FAILED and HOPELESS
    mean is the last message.
    """

    messages: Sequence[Message]
    signal: Signal | None = None
    session: str = ""
    checkpoint: Mapping[str, Any] | None = None


class Listener(Protocol):
    """Understands the lines of one run, in order."""

    def hear(self, line: str, *, is_error: bool) -> Said:
        """What a line on standard output (or error) says. Never raises: what is not understood is output."""
        ...


class Runtime(Protocol):
    """A way to run an agent. No method touches the database; ``prepare`` may look at the disk.

    ``is_own_code``: runs nothing but code of DCT itself, and may run without a sandbox. ``is_free``: uses no model, so
    that it costs nothing though it says nothing of what it used.
    """

    kind: str
    is_own_code: bool
    is_free: bool

    def prepare(self, assignment: Assignment) -> LaunchSpec:
        """The program to start. Raises CannotRun."""
        ...

    def listener(self, assignment: Assignment) -> Listener:
        """Who understands what that run will say."""
        ...
