"""The digest agent: a program of its own, run as ``python -S -I program.py WORKSPACE`` with the standard library alone.

Reads ``context/``, compares the item with what it was, and writes a Markdown page for each file that is asked for.
Everything that came from outside is data: every character that means something to Markdown or HTML is escaped.
Tells its work as JSON lines; exit code 0 says that it is done.
"""

from __future__ import annotations

import json
import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_TARGET = "feedback/digest.md"
TEXT_SHOWN = 2_000
VALUE_SHOWN = 400
MOST_ROWS = 200
MOST_QUESTIONS = 20
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>=:@])")
INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def tell(kind: str, text: str = "", **data: Any) -> None:
    """One line of the conversation."""
    sys.stdout.write(json.dumps({"type": kind, "text": text, **data}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def read(root: str, path: str) -> dict[str, Any]:
    """A JSON object of the context, with both steps of reading it told; empty where it is not there."""
    tell("tool_call", path, name="read_file", input={"path": path})
    try:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError) as error:
        tell("tool_result", "not there" if isinstance(error, OSError) else "not readable", name="read_file")
        return {}
    tell("tool_result", f"{os.path.getsize(os.path.join(root, path)):,} bytes", name="read_file")
    return value if isinstance(value, dict) else {}


def escape(text: Any) -> str:
    """``text`` as plain words on one line: nothing in it is a link, a tag, a heading or a table cell."""
    flat = " ".join(INVISIBLE.sub(" ", str(text)).split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;")
    return SPECIAL.sub(r"\\\1", flat)


def shown(value: Any, most: int = VALUE_SHOWN) -> str:
    """A value as a reader wants it: lists by commas, nothing as a dash, long ones cut."""
    if value is None or value == "" or value == [] or value == {}:
        return "–"
    if isinstance(value, list):
        value = ", ".join(str(one.get("name", one)) if isinstance(one, dict) else str(one) for one in value)
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True)
    elif isinstance(value, bool):
        value = "yes" if value else "no"
    text = str(value)
    return escape(text if len(text) <= most else text[:most] + " …")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines.append(f"\nand {len(rows) - MOST_ROWS} more.")
    return "\n".join(lines)


def compare(before: dict[str, Any], after: dict[str, Any], told: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """[(field, before, after)] of what differs; the event's own list of changes wins where it has one."""
    names = [name for name in sorted(set(before) | set(after)) if before.get(name) != after.get(name)]
    changes = [(name, before.get(name), after.get(name)) for name in names]
    known = {name for name, _, _ in changes}
    for name, pair in sorted(told.items()):
        if name not in known and isinstance(pair, list) and len(pair) == 2:
            changes.append((name, pair[0], pair[1]))
    return changes


def questions_in(text: str) -> list[str]:
    """The sentences of a text that end with a question mark."""
    found = re.findall(r"[^.?!\n]{3,400}\?", text)
    return list(dict.fromkeys(one.strip() for one in found))[:MOST_QUESTIONS]


def literal_of(pattern: str) -> str:
    """The plain words of a pattern, for a heading; empty where it asks for more than words."""
    words = re.sub(r"\(\?[a-zA-Z]+\)|\\[bAzZ]|[\^$]", "", pattern)
    words = re.sub(r"^#+\\?\s*\*?", "", words.strip()).strip()
    return words if re.fullmatch(r"[\w ,'-]{2,80}", words) else ""


class Page:
    """The digest, section by section."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def section(self, heading: str, body: str) -> None:
        self.parts.append(f"## {heading}\n\n{body}\n")

    def text(self, title: str) -> str:
        return f"# {title}\n\n" + "\n".join(self.parts)


def write_page(
    event: dict[str, Any],
    item: dict[str, Any],
    previous: dict[str, Any],
    run: dict[str, Any],
    news: list[dict[str, Any]],
) -> str:
    """The page as text."""
    facts, told = part(event, "facts"), part(event, "changes")
    state, before = part(item, "state"), part(previous, "state")
    text = str(facts.get("text") or "")
    title = item.get("title") or facts.get("title") or event.get("subject") or "an event"
    changes = compare(before, state, told)
    page = Page()
    page.section("What changed", what_changed(changes, before, event))
    page.section("Who and when", who_and_when(event, item))
    rows: list[tuple[str, ...]] = [(escape(name), shown(value)) for name, value in sorted(state.items())]
    page.section("Facts", table(("Field", "Now"), rows) if rows else "Nothing more is known about it.")
    if text:
        page.section("What was said", quote(text))
    found = questions_in(text)
    questions = "\n".join(f"{at}. {escape(one)}" for at, one in enumerate(found, 1))
    page.section("Open questions", questions or "Nobody asked a question in the text.")
    asked = [str(one) for one in run.get("asked", [])]
    page.section(
        "What was asked of this digest", "\n".join(f"* {escape(one)}" for one in asked) or "Nothing beyond it."
    )
    add_news(page, news)
    add_what_the_gate_misses(page, event, state, before, run)
    return page.text(f"Digest: {shown(title, 200)}")


def add_news(page: Page, news: list[dict[str, Any]]) -> None:
    """What came while it was at work: a section for each, the oldest first."""
    for at, event in enumerate(news, 1):
        changes = compare({}, {}, part(event, "changes"))
        body = f"{what_changed(changes, {'known': True}, event)}\n\n{who_and_when(event, {})}"
        text = str(part(event, "facts").get("text") or "")
        page.section(f"News {at}", f"{body}\n\n{quote(text)}" if text else body)


def part(value: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside an object; empty where it is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def what_changed(changes: list[tuple[str, Any, Any]], before: dict[str, Any], event: dict[str, Any]) -> str:
    if not changes:
        return f"No field of it is known to have changed; {escape(event.get('type') or 'an event')} was reported."
    lead = "" if before else "Nothing was known about it before; everything is new.\n\n"
    rows: list[tuple[str, ...]] = [(escape(name), shown(old), shown(new)) for name, old, new in changes]
    return lead + table(("Field", "Before", "Now"), rows)


def who_and_when(event: dict[str, Any], item: dict[str, Any]) -> str:
    rows: list[tuple[str, ...]] = [
        ("By", shown(event.get("actor"))),
        ("When", shown(event.get("time"))),
        ("Where", shown(event.get("source"))),
        ("What happened", shown(event.get("type"))),
        ("About", shown(item.get("key") or event.get("subject"))),
        ("Link", shown(item.get("url"))),
        ("Trust", shown(event.get("trust"))),
    ]
    return table(("", ""), rows)


def quote(text: str) -> str:
    lines = text[:TEXT_SHOWN].splitlines() or [""]
    if len(text) > TEXT_SHOWN:
        lines.append(f"… and {len(text) - TEXT_SHOWN:,} more characters")
    return "\n".join("> " + (escape(line) or " ") for line in lines)


def add_what_the_gate_misses(
    page: Page, event: dict[str, Any], state: dict[str, Any], before: dict[str, Any], run: dict[str, Any]
) -> None:
    """Sent back: a section per missing heading, and everything that is known where the page was too short."""
    reasons = [str(one) for one in run.get("gate", [])]
    if not reasons:
        return
    page.section("What the completion gate asked for", "\n".join(f"* {escape(one)}" for one in reasons))
    for wanted in run.get("deliverables", []):
        heading = literal_of(str(wanted.get("rules", {}).get("pattern") or ""))
        if heading:
            page.section(heading, "The context says nothing about this.")
    everything = flatten({"event": event.get("data") or {}, "before": before, "now": state})
    rows: list[tuple[str, ...]] = [(escape(name), shown(value)) for name, value in everything]
    page.section("Everything that is known", table(("Field", "Value"), rows) if rows else "Nothing more is known.")


def flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """[(path, value)] of every leaf of nested data."""
    if isinstance(value, dict) and value:
        return [leaf for key in sorted(value) for leaf in flatten(value[key], f"{path}.{key}" if path else str(key))]
    return [(path, value)]


def targets_of(run: dict[str, Any]) -> list[str]:
    """The Markdown files that are asked for; the usual one where none is named."""
    asked = [one for one in run.get("deliverables", []) if isinstance(one, dict) and one.get("kind") == "file_created"]
    named = [str(one.get("target")) for one in asked if str(one.get("target", "")).endswith((".md", ".txt"))]
    inside = [path for path in named if ".." not in path.split("/") and not path.startswith("/")]
    return inside or [DEFAULT_TARGET]


def save(root: str, path: str, text: str) -> None:
    """Write a file whole or not at all."""
    tell("tool_call", path, name="write_file", input={"path": path})
    target = os.path.join(root, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(target + ".part", target)
    tell("tool_result", f"{os.path.getsize(target):,} bytes", name="write_file")


def main(root: str) -> int:
    run = read(root, "context/run/run.json")
    tell("text", "I read what was known and compare it with what it was before.")
    event = read(root, "context/event.json")
    item = read(root, "context/item.json")
    previous = read(root, "context/previous.json")
    news = [read(root, f"{path}/event.json") for path in run.get("news", []) if isinstance(path, str)]
    text = write_page(event, item, previous, run, news)
    for path in targets_of(run):
        save(root, path, text)
    tell("done", f"The digest has {len(text):,} characters.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
