"""What the documents say is so: links lead somewhere, commands and variables exist, generated pages are current."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from agents.runtimes.lines import parse_line
from agents.runtimes.port import Signal
from dct_site.command.bootstrap import ROOT, commands
from dct_site.demo import content
from triggers.conditions.schema import validate
from triggers.documents import shape_problems
from triggers.documents.shape import SCHEMA

TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in TOP), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"\bDCT_[A-Z]+(?:_[A-Z]+)*\b")
# What a run, a test or the README's shell line is given, or Django's settings name: no environment of DCT's.
NOT_SETTINGS = {
    "DCT_WAKE_BACKEND",
    "DCT_WORKSPACE",
    "DCT_CONTEXT",
    "DCT_FEEDBACK",
    "DCT_INSTRUCTIONS_FILE",
    "DCT_RUN_FILE",
    "DCT_WEBHOOK_URL",
    "DCT_WEBHOOK_SECRET",
    "DCT_TEST_DATABASE_URL",
    "DCT_TEST_REDIS_URL",
    "DCT_TEST_SLOW",
}


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made for Markdown on the web."""
    headings = HEADING.findall(FENCED.sub("", page.read_text()))
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_in_the_documents_leads_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = unquote(link).partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


def test_every_page_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())]
    assert {_name(page) for page in PAGES if page not in seen} <= {"SECURITY.md"}


def _told_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for line in page.read_text().splitlines():
            for told in re.findall(r"\./dct ((?:[a-z]|--)[^`|&;#\\)<>]*)", line):
                yield _name(page), told.strip()


def _options(parser: ArgumentParser) -> set[str]:
    """All options of a command, those of its sub-commands among them."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        choices = action.choices if isinstance(action.choices, dict) else {}
        for inner in choices.values():
            found |= _options(inner)
    return found


def _parser(name: str) -> ArgumentParser:
    module = importlib.import_module(f"dct_site.command.{name}")
    parser = ArgumentParser(prog=name, add_help=not getattr(module, "PASSES_THROUGH", False))
    module.add_arguments(parser)
    return parser


@pytest.mark.unmeasured
def test_every_command_in_the_documents_exists_with_its_options() -> None:
    wrong = []
    for page, told in _told_commands():
        name, *words = shlex.split(told, comments=True, posix=False)
        if name.strip(".,:*") in {"--help", "COMMAND"}:
            continue
        if name not in commands():
            wrong.append(f"{page}: ./dct {told}")
            continue
        if name in {"test", "manage"}:
            continue
        known = _options(_parser(name))
        wrong += [
            f"{page}: {word} of ./dct {told}"
            for word in (word.strip("[].,:").partition("=")[0] for word in words)
            if word.startswith("--") and word not in known
        ]
    assert wrong == []


def test_every_option_of_every_command_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "commands.md").read_text()
    missing = [f"./dct {name}" for name in commands() if f"## `./dct {name}" not in reference]
    for name in commands():
        options = _options(_parser(name)) - {"-h", "--help"}
        missing += [f"./dct {name} {option}" for option in options if f"`{option}" not in reference]
    assert missing == []


def _read_by_settings() -> set[str]:
    settings = (ROOT / "dct_site" / "settings.py").read_text()
    return set(re.findall(r'(?:environ\.get|_list|_key)\(\s*"(DCT_[A-Z_]+)"', settings))


def test_the_reference_of_the_environment_tells_every_variable_and_no_other() -> None:
    reference = (ROOT / "docs" / "reference" / "environment.md").read_text()
    told = set(re.findall(r"^\| `(DCT_[A-Z_]+)`", reference, re.MULTILINE))
    example = set(re.findall(r"^#?(DCT_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert _read_by_settings() <= told
    assert told == example


def test_the_documents_name_no_variable_that_does_not_exist() -> None:
    example = set(VARIABLE.findall((ROOT / ".env.example").read_text()))
    wrong = {
        f"{_name(page)}: {word}"
        for page in PAGES
        for word in VARIABLE.findall(page.read_text())
        if word not in example | NOT_SETTINGS
    }
    assert wrong == set()


@pytest.mark.unmeasured
def test_the_pages_that_come_from_the_code_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate.py", "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), f"run python docs/generate.py: {done.stdout}{done.stderr}"


def _json_examples(page: str) -> list[Any]:
    text = (ROOT / "docs" / page).read_text()
    return [json.loads(found) for found in re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("page", ["how-to/write-conditions.md", "reference/conditions.md"])
def test_every_example_of_conditions_could_be_stored(page: str) -> None:
    examples = _json_examples(page)
    assert examples
    assert [problem for example in examples for problem in validate(example)] == []


def test_the_example_of_a_trigger_could_be_published() -> None:
    (document,) = _json_examples("reference/trigger-document.md")
    assert shape_problems(document) == []


def test_every_key_of_a_trigger_document_is_in_the_reference() -> None:
    told = (ROOT / "docs" / "reference" / "trigger-document.md").read_text()
    assert {key for key in _keys(SCHEMA) if f"`{key}`" not in told and f"`{key}[]`" not in told} == set()


def _keys(schema: Any) -> set[str]:
    inner = schema.get("properties", {})
    deeper = [*inner.values(), schema.get("items", {})]
    return set(inner).union(*(_keys(one) for one in deeper if one))


@pytest.mark.parametrize("has_item", [True, False])
def test_the_example_agent_delivers_what_it_is_asked(tmp_path: Path, has_item: bool) -> None:
    for directory in ("context/run", "feedback", "work"):
        (tmp_path / directory).mkdir(parents=True)
    item = {"key": "harbor/ferry-api#482", "title": "Retry a booking", "state": {"status": "open"}}
    event = {"type": "dct.trigger.fired_by_hand", "facts": {"title": "Brief"}, "data": {}}
    (tmp_path / "context" / "event.json").write_text(json.dumps(event))
    if has_item:
        (tmp_path / "context" / "item.json").write_text(json.dumps(item))
    told = {"asked": ["Write a brief."], "gate": [], "deliverables": [{"target": "feedback/brief.md"}]}
    (tmp_path / "context" / "run" / "run.json").write_text(json.dumps(told))
    environment = {
        "DCT_WORKSPACE": str(tmp_path),
        "DCT_CONTEXT": str(tmp_path / "context"),
        "DCT_RUN_FILE": str(tmp_path / "context" / "run" / "run.json"),
    }
    program = ROOT / "docs" / "examples" / "brief.py"
    done = subprocess.run([sys.executable, program], env=environment, check=True, capture_output=True, text=True)
    said = [parse_line(line, is_error=False) for line in done.stdout.splitlines()]
    assert said[-1].signal is Signal.DONE
    assert re.search(content.HEADINGS, (tmp_path / "feedback" / "brief.md").read_text())
