"""The tools of a model: they stay in the workspace, follow no link, and are bounded in what they give and take."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.runtimes.llm.program.words import data
from workspaces.files.names import parts_of
from workspaces.files.reading import list_tree, read_all, size_of
from workspaces.files.troubles import FileTrouble
from workspaces.files.writing import write_atomic

WRITABLE = ("work", "feedback")
NEVER_WRITTEN = (".git", ".hg", ".svn")
"""Whoever runs such a tool there later would run what stands in them (threat T4)."""

GIVEN = 40_000  # characters of one answer
TAKEN = 200_000  # characters of one file that is written
LARGEST = 4 * 1024 * 1024  # bytes of a file that is read
SEARCHED = 64 * 1024 * 1024  # bytes of all files that one search reads
LISTED = 1_000
HITS = 100
HIT = 200  # characters


class Refused(Exception):
    """What a model asked for cannot be done; the text tells it why."""


@dataclass(slots=True)
class Desk:
    """What the tools work on: the workspace, what is to be delivered, and the question that was asked."""

    root: Path
    deliverables: Sequence[Mapping[str, Any]] = ()
    question: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """``arguments``: name → (str or int, what it is); those in ``optional`` may be left out."""

    name: str
    description: str
    function: Callable[..., str]
    arguments: Mapping[str, tuple[type, str]]
    optional: frozenset[str] = frozenset()

    @property
    def schema(self) -> dict[str, Any]:
        kinds = {str: "string", int: "integer"}
        return {
            "type": "object",
            "properties": {
                name: {"type": kinds[kind], "description": what} for name, (kind, what) in self.arguments.items()
            },
            "required": [name for name in self.arguments if name not in self.optional],
            "additionalProperties": False,
        }

    def use(self, desk: Desk, given: Mapping[str, Any]) -> str:
        """Do it. Raises Refused and FileTrouble."""
        for name, value in given.items():
            if name not in self.arguments:
                raise Refused(f"{self.name} takes no “{name[:80]}”.")
            if type(value) is not self.arguments[name][0]:
                raise Refused(f"“{name}” must be a {self.schema['properties'][name]['type']}.")
        lacking = [name for name in self.arguments if name not in given and name not in self.optional]
        if lacking:
            raise Refused(f"{self.name} needs “{lacking[0]}”.")
        return self.function(desk, **given)


def use(tools: Mapping[str, Tool], desk: Desk, name: str, given: Any) -> tuple[str, bool]:
    """(what a tool answers, whether it refused) for a call that a model made."""
    try:
        if name not in tools:
            raise Refused(f"There is no tool “{name[:80]}”; there are {', '.join(tools)}.")
        if not isinstance(given, dict):
            raise Refused("The arguments are no JSON object.")
        return tools[name].use(desk, given), False
    except (Refused, FileTrouble) as trouble:
        return str(trouble), True


def list_files(desk: Desk, path: str = "") -> str:
    """Names and sizes below a directory."""
    found = list_tree(desk.root, path.rstrip("/"), limit=LISTED)
    lines = [
        f"{one.path} ({one.size:,} bytes)" if one.kind == "file" else f"{one.path} ({one.kind})"
        for one in found.entries
    ]
    if found.is_cut:
        lines.append(f"… more than {LISTED:,}; list one directory of it")
    return data(path or "all files", _within("\n".join(lines) or "nothing"))


def read_file(desk: Desk, path: str, from_line: int = 1) -> str:
    """A text, from a line on."""
    lines = _text_of(desk, path).splitlines(keepends=True)
    start = max(1, from_line)
    shown, size, at = [], 0, start - 1
    while at < len(lines) and size + len(lines[at]) <= GIVEN:
        shown.append(lines[at])
        size, at = size + len(lines[at]), at + 1
    if at < len(lines) and not shown:
        return data(f"{path}, the beginning of line {start:,} of {len(lines):,}", lines[at][:GIVEN])
    more = f"; go on with from_line {at + 1}" if at < len(lines) else ""
    return data(f"{path}, lines {start:,} to {at:,} of {len(lines):,}{more}", "".join(shown))


def search_files(desk: Desk, text: str, path: str = "") -> str:
    """Lines in which a text stands, whatever its case."""
    wanted = text.casefold()
    if not wanted.strip() or "\n" in text:
        raise Refused("Give a text of one line to look for.")
    hits: list[str] = []
    left = SEARCHED
    for entry in list_tree(desk.root, path.rstrip("/")).entries:
        if entry.kind != "file" or entry.size > LARGEST:
            continue
        left -= entry.size
        if left < 0 or len(hits) >= HITS:
            hits.append("… more; look in one directory of it, or for a longer text")
            break
        hits += _hits(desk, entry.path, wanted)[: HITS - len(hits)]
    return data(f"lines with “{text[:80]}”", "\n".join(hits) or "none")


def write_file(desk: Desk, path: str, content: str) -> str:
    """A whole file."""
    if len(content) > TAKEN:
        raise Refused(f"At most {TAKEN:,} characters at once: write it in several files.")
    raw = content.encode("utf-8", "replace")
    write_atomic(desk.root, _writable(path), raw, is_durable=False)
    return f"{path} has {len(raw):,} bytes now."


def patch_file(desk: Desk, path: str, old: str, new: str) -> str:
    """One place in a file."""
    _writable(path)
    text = _text_of(desk, path)
    count = text.count(old) if old else 0
    if count != 1:
        raise Refused(
            f"“old” stands {count:,} times in {path}; it must stand there once. Give more of what is around it."
        )
    return write_file(desk, path, text.replace(old, new))


def mark_deliverable(desk: Desk, path: str) -> str:
    """Whether what is asked for is there."""
    asked = [one for one in desk.deliverables if one.get("target") == path]
    if not asked:
        targets = ", ".join(str(one.get("target")) for one in desk.deliverables) or "none"
        raise Refused(f"{path} is not among what must be delivered: {targets}.")
    return f"{path} is there with {size_of(desk.root, path):,} bytes. Its checks are made when you end your turn."


def ask_human(desk: Desk, question: str) -> str:
    """A question to a person."""
    if not question.strip():
        raise Refused("Write the question.")
    desk.question = f"{desk.question}\n\n{question}".strip()
    return "A person was asked. Your turn ends here; the answer is the next message of the user."


_PATH = (str, "Relative to the workspace.")
ALL = (
    Tool("list_files", "List files below a directory.", list_files, {"path": _PATH}, frozenset({"path"})),
    Tool(
        "read_file",
        "Read a text file; a long one in parts.",
        read_file,
        {"path": _PATH, "from_line": (int, "1 is the first.")},
        frozenset({"from_line"}),
    ),
    Tool(
        "search_files",
        "Find lines that hold a text, in all files or below a directory.",
        search_files,
        {"text": (str, "As it stands there; case does not matter."), "path": _PATH},
        frozenset({"path"}),
    ),
    Tool(
        "write_file",
        "Write a whole file in work/ or feedback/, in place of one that is there.",
        write_file,
        {"path": _PATH, "content": (str, "All of it.")},
    ),
    Tool(
        "patch_file",
        "Replace a text that stands once in a file in work/ or feedback/.",
        patch_file,
        {"path": _PATH, "old": (str, "Letter by letter as it stands there."), "new": (str, "What takes its place.")},
    ),
    Tool(
        "mark_deliverable",
        "Say that a file that must be delivered is ready; tells whether it is there.",
        mark_deliverable,
        {"path": _PATH},
    ),
    Tool(
        "ask_human",
        "Ask a person and end your turn. Say all that is needed to answer.",
        ask_human,
        {"question": (str, "To somebody who does not see your work.")},
    ),
)


def allowed(names: Sequence[str]) -> dict[str, Tool]:
    """Those tools, by name."""
    return {tool.name: tool for tool in ALL if tool.name in names}


def _writable(path: str) -> str:
    first, *others = parts_of(path)
    if first not in WRITABLE or not others:
        raise Refused(f"Write to a file in {' or '.join(f'{one}/' for one in WRITABLE)}.")
    if any(part.casefold() in NEVER_WRITTEN for part in others):
        raise Refused(f"Nothing is written in {' or '.join(NEVER_WRITTEN)}.")
    return path


def _text_of(desk: Desk, path: str) -> str:
    raw = read_all(desk.root, path, limit=LARGEST)
    if b"\0" in raw:
        raise Refused(f"{path} is no text ({len(raw):,} bytes).")
    return raw.decode("utf-8", "replace")


def _hits(desk: Desk, path: str, wanted: str) -> list[str]:
    try:
        text = _text_of(desk, path)
    except (Refused, FileTrouble):  # no text, or gone since it was listed
        return []
    lines = enumerate(text.splitlines(), 1)
    return [f"{path}:{number}: {line.strip()[:HIT]}" for number, line in lines if wanted in line.casefold()]


def _within(text: str) -> str:
    return text if len(text) <= GIVEN else text[:GIVEN] + " … (cut)"
