"""Formats that are text: JSON, YAML, CSV, Markdown. Each reader says what is wrong with a file's bytes, as clauses."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from dct_site.kernel import safe_json
from dct_site.kernel.safe_json import MAX_DEPTH, UnsafeJson
from deliverables.rules.schemas import misfits

MOST_YAML = 1024 * 1024
_LONGEST_NUMBER = 1_000
_BOM = "\ufeff"
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")


def text(body: bytes, _rules: Mapping[str, Any]) -> list[str]:
    """UTF-8 without NUL."""
    try:
        read = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return [f"it is not UTF-8 (byte {wrong.start:,})"]
    return ["it holds a NUL character"] if "\0" in read else []


def json_text(body: bytes, rules: Mapping[str, Any]) -> list[str]:
    """JSON by the rules of every door, as its ``schema`` says where there is one."""
    try:
        value = safe_json.loads(body, max_bytes=len(body))
    except UnsafeJson as unsafe:
        return [unsafe.about("it").rstrip(".")]
    return misfits(value, rules["schema"]) if rules.get("schema") else []


def yaml_text(body: bytes, rules: Mapping[str, Any]) -> list[str]:
    """One YAML document of plain values, without aliases: a few of these may stand for any number of values."""
    if len(body) > MOST_YAML:
        return [f"it has {len(body):,} bytes, and YAML is read up to {MOST_YAML:,}"]
    try:
        if wrong := _hostile(body):
            return [wrong]
        value = yaml.load(body, Loader=_Plain)  # noqa: S506 - a safe loader without times
    except yaml.MarkedYAMLError as error:
        at = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        return [f"it is not YAML: {error.problem or error.context}{at}"]
    except (yaml.YAMLError, ValueError, UnicodeDecodeError) as error:
        return [f"it is not YAML: {str(error).splitlines()[0][:200]}"]
    return misfits(_with_text_keys(value), rules["schema"]) if rules.get("schema") else []


def csv_text(body: bytes, rules: Mapping[str, Any]) -> list[str]:
    """A header with each of ``columns``, at least one row, and as many fields in each row as in the header."""
    if wrong := text(body, rules):
        return wrong
    rows = csv.reader(io.StringIO(body.decode("utf-8").removeprefix(_BOM), newline=""), strict=True)
    try:
        header = next(rows, [])
        if missing := [name for name in rules.get("columns") or () if name not in header]:
            return [f"its first line lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"]
        count = 0
        for row in rows:
            count += bool(row)
            if row and len(row) != len(header):
                return [f"line {rows.line_num} has {len(row)} fields, and the first line {len(header)}"]
    except csv.Error as error:
        return [f"line {rows.line_num} is not CSV: {error}"]
    return [] if count else ["it has no row below its first line"]


def markdown(body: bytes, rules: Mapping[str, Any]) -> list[str]:
    """A section for each of ``sections``, by its heading in whatever case and of whatever level, with something in
    it. What stands in code is no heading (CommonMark 0.31, 4.2 to 4.5).
    """
    if wrong := text(body, rules):
        return wrong
    filled: dict[str, bool] = {}
    open_sections: list[tuple[int, str]] = []
    for level, line in _lines(body.decode("utf-8")):
        if level:
            open_sections = [one for one in open_sections if one[0] < level]
            name = _name(line)
            open_sections.append((level, name))
            filled.setdefault(name, False)
        elif line.strip():
            filled |= {name: True for _, name in open_sections}
    wanted = {_name(name): name for name in rules.get("sections") or ()}
    missing = [name for key, name in wanted.items() if key not in filled]
    empty = [name for key, name in wanted.items() if filled.get(key) is False]
    return [f"it has no section {name!r}" for name in missing] + [f"its section {name!r} is empty" for name in empty]


def _lines(read: str) -> Iterator[tuple[int, str]]:
    """(level of the heading that a line is, or 0; its text)."""
    fence, before = "", ""
    for line in [*read.splitlines(), ""]:
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]) else fence
            yield 0, line
            continue
        underline, heading = _UNDERLINE.match(line), _HEADING.match(line)
        if before and underline:
            yield (1 if underline[1][0] == "=" else 2), before
            before = ""
            continue
        if before:
            yield 0, before
        before = "" if mark or heading else line.strip()
        fence = mark[1] if mark else ""
        if heading:
            yield len(heading[1]), heading[2] or ""
        elif mark:
            yield 0, line


def _name(heading: str) -> str:
    return " ".join(heading.split()).casefold()


class _Plain(yaml.CSafeLoader):
    """Times stay text, as in JSON."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _hostile(body: bytes) -> str:
    """What would make reading dear: the events are looked at one by one, before anything is made of them."""
    depth = 0
    for event in yaml.parse(body, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            return "it has aliases, which are not taken"
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and _is_long_number(event):
            return f"it has a number of more than {_LONGEST_NUMBER:,} digits"
        if depth > MAX_DEPTH:
            return f"it is nested deeper than {MAX_DEPTH} levels"
    return ""


def _is_long_number(scalar: yaml.ScalarEvent) -> bool:
    return scalar.implicit[0] and len(scalar.value) > _LONGEST_NUMBER and scalar.value[0] in "+-.0123456789"


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(one) for key, one in value.items()}
    return [_with_text_keys(one) for one in value] if isinstance(value, list) else value
