"""Formats are told by content: what agents write, what is cut off, what is called otherwise, and what is hostile."""

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverables.enums import CheckStatus
from deliverables.rules.base import Look, Rule
from deliverables.rules.formats import KINDS, Format, expected
from deliverables.rules.judging import judge
from deliverables.rules.schemas import MOST_VALUES, misfits, problem_of_schema

pytestmark = pytest.mark.one_pass


def problems(format_: str, body: bytes, **rules: Any) -> str:
    return "; ".join(KINDS[Format(format_)].problems(body, rules))


def zipped(*names: str, stored: bool = False, **content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"x")
        for name, body in content.items():
            archive.writestr(name, body)
    return file.getvalue()


def png(width: int = 1, height: int = 1) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


WORD = zipped("[Content_Types].xml", "word/document.xml")
ODT = zipped(stored=True, mimetype=b"application/vnd.oasis.opendocument.text")
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20 + b"\xff\xd9"
GIF = b"GIF89a" + struct.pack("<HH", 2, 3) + b"\0" * 9 + b";"
WEBP = b"RIFF" + struct.pack("<I", 12) + b"WEBPVP8 " + b"\0" * 4
PDF = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n"


@pytest.mark.parametrize(
    ("format_", "body", "rules"),
    [
        ("text", "Grüße\n".encode(), {}),
        ("json", b'{"a": [1, 2]}', {}),
        ("json", b'{"a": 1}', {"schema": {"type": "object", "required": ["a"]}}),
        ("yaml", b"a: [1, 2]\nb: 2026-11-22\n", {"schema": {"properties": {"b": {"type": "string"}}}}),
        ("yaml", b"1: one\n", {"schema": {"required": ["1"]}}),
        ("csv", b"\xef\xbb\xbfname,price\r\n\"Ferry, large\",3\r\n\r\n", {"columns": ["price", "name"]}),
        ("markdown", b"# What changed #\n\nAll.\n", {"sections": ["what  CHANGED"]}),
        ("markdown", b"Summary\n=======\nshort\n\nRisks\n---\n### One\nbig\n", {"sections": ["Summary", "Risks"]}),
        ("pdf", PDF, {}),
        ("image", png(), {}),
        ("image", JPEG, {}),
        ("image", GIF, {}),
        ("image", WEBP, {}),
        ("office", WORD, {}),
        ("office", ODT, {}),
        ("zip", zipped("a.txt"), {}),
    ],
)  # fmt: skip
def test_what_is_of_its_format_holds(format_: str, body: bytes, rules: dict[str, Any]) -> None:
    assert problems(format_, body, **rules) == ""


@pytest.mark.parametrize(
    ("format_", "body", "rules", "words"),
    [
        ("text", b"\xff\xfe", {}, "it is not UTF-8 (byte 0)"),
        ("text", b"a\0b", {}, "a NUL character"),
        ("json", b'{"a": 1,}', {}, "it is not JSON: "),
        ("json", b'{"a": 1e999}', {}, "too large"),
        ("json", b'{"b": "x"}', {"schema": {"required": ["a", "b"]}}, "$ lacks a"),
        ("json", b'[1, "x"]', {"schema": {"items": {"type": "integer"}}}, "$[1] must be integer"),
        ("json", b'"ab"', {"schema": {"pattern": "^b"}}, "does not match ^b"),
        ("json", b'{"c": 1}', {"schema": {"properties": {}, "additionalProperties": False}}, "$ Additional properties"),
        ("yaml", b"a: [1", {}, "it is not YAML: "),
        ("yaml", b"a: 1\n---\nb: 2\n", {}, "it is not YAML: "),
        ("yaml", b"a: \xff", {}, "it is not YAML: "),
        ("yaml", b"a: &x [1]\nb: *x\n", {}, "aliases"),
        ("yaml", b"[" * 100 + b"]" * 100, {}, "nested deeper than 64"),
        ("yaml", b"a: " + b"1" * 2_000, {}, "more than 1,000 digits"),
        ("yaml", b"a: !!python/object/apply:os.system [ls]", {}, "it is not YAML: "),
        ("csv", b"name\nx\n", {"columns": ["price", "name", "size"]}, "lacks the columns price, size"),
        ("csv", b"a,b\n1\n", {}, "line 2 has 1 fields, and the first line 2"),
        ("csv", b'a\n"x', {}, "is not CSV: "),
        ("csv", b"a,b\n", {}, "no row below"),
        ("csv", b"", {}, "no row below"),
        ("markdown", b"# One\n\ntext\n", {"sections": ["Two"]}, "it has no section 'Two'"),
        ("markdown", b"# One\n\n# Two\ntext\n", {"sections": ["One"]}, "its section 'One' is empty"),
        ("markdown", b"```\n# One\n```\ntext\n", {"sections": ["One"]}, "it has no section 'One'"),
        ("pdf", b"PDF", {}, "does not begin as a PDF"),
        ("pdf", PDF[:-8], {}, "cut off"),
        ("image", b"<svg/>", {}, "neither PNG nor JPEG"),
        ("image", b"RIFF\0\0\0\0WAVE", {}, "neither PNG nor JPEG"),
        ("image", png()[:-12], {}, "cut off"),
        ("image", png(width=0), {}, "without a size"),
        ("image", b"\x89PNG\r\n\x1a\n", {}, "without a size"),
        ("image", JPEG[:-2], {}, "cut off"),
        ("image", GIF[:-1], {}, "cut off"),
        ("image", b"GIF89a", {}, "without a size"),
        ("image", WEBP[:-1], {}, "cut off"),
        ("office", zipped("a.txt"), {}, "an archive, but no Office document"),
        ("office", zipped(mimetype=b"application/vnd.oasis.opendocument.text"), {}, "no Office document"),
        ("office", b"x", {}, "no Office document, or is cut off"),
        ("zip", zipped("a.txt")[:-5], {}, "or is cut off"),
        ("zip", zipped(), {}, "without a file"),
    ],
)  # fmt: skip
def test_what_is_not_says_why(format_: str, body: bytes, rules: dict[str, Any], words: str) -> None:
    assert words in problems(format_, body, **rules)


@pytest.mark.unmeasured
@given(st.sampled_from(list(Format)), st.binary(max_size=300))
def test_any_bytes_get_an_answer(format_: Format, body: bytes) -> None:
    for start in (b"", b"PK\x05\x06", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"%PDF-", b"- ", b'["'):
        assert all(isinstance(one, str) for one in KINDS[format_].problems(start + body, {}))


def test_a_verdict_is_of_the_whole_file_or_says_that_it_is_too_large() -> None:
    def verdict(look: Look) -> tuple[str, str]:
        (found,) = (
            one
            for one in judge(look, kind="file_created", target="feedback/a.json", rules={"format": "json"}, baseline="")
            if one.rule is Rule.FORMAT
        )
        return found.status, found.found

    assert verdict(Look(size=2, checksum="x", whole=b"{}")) == (CheckStatus.PASSED, "feedback/a.json is JSON")
    assert verdict(Look(size=1, checksum="x", whole=b"{")) == (
        CheckStatus.FAILED,
        "feedback/a.json: it is not JSON: Expecting property name enclosed in double quotes at line 1, column 2",
    )
    status, words = verdict(Look(size=20_000_000, checksum="x"))
    assert (status, words) == (
        CheckStatus.FAILED,
        "feedback/a.json has 20,000,000 bytes, and is looked into up to 16,777,216",
    )


def test_what_a_format_asks_is_told_in_words() -> None:
    assert expected({"format": "zip"}) == "is a ZIP archive"
    assert expected({"format": "csv", "columns": ["a", "b"]}) == "is CSV with the columns a, b"
    assert expected({"format": "json", "schema": {}}) == "is JSON"
    assert expected({"format": "yaml", "schema": {"type": "object"}}) == "is YAML as its schema says"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "http://127.0.0.1/"}, "says '$ref'"),
        ({"patternProperties": {"(a+)+$": {}}}, "says 'patternProperties'"),
        ({"properties": {"a": {"pattern": "(?=x)"}}}, "RE2"),
        ({"items": [1]}, "is no object"),
        ({"type": "thing"}, "is no JSON schema"),
        ({"minimum": "x"}, "is no JSON schema"),
        ({"anyOf": [{}] * 21}, "more than 200 parts or 20 alternatives"),
        ({"properties": {str(at): {} for at in range(300)}}, "more than 200 parts"),
        ([], "is no object"),
    ],
)
def test_a_schema_that_could_cost_or_reach_too_much_is_refused(schema: Any, words: str) -> None:
    assert words in problem_of_schema(schema)


def test_a_schema_that_is_taken() -> None:
    schema = {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"pattern": "^x"}]}}},
        "additionalProperties": False,
    }
    assert problem_of_schema(schema) == ""
    assert misfits({"items": [1, "xy"]}, schema) == []
    assert len(misfits({"items": ["a"] * 9}, schema)) == 6


def test_a_value_is_judged_up_to_a_length() -> None:
    schema = {"items": {"items": {"type": "integer"}}}
    assert misfits([[1] * 10] * 10, schema) == []
    assert misfits([[1] * 1_000] * (MOST_VALUES // 1_000), schema) == [
        f"it has more than {MOST_VALUES:,} values, and is held to its schema up to that"
    ]


def test_what_is_forbidden_names_its_line() -> None:
    def found(head: bytes) -> tuple[str, str]:
        rules = {"forbidden_pattern": "(?i)todo"}
        look = Look(size=len(head), checksum="x", head=head)
        return {
            one.rule: (one.status, one.found)
            for one in judge(look, kind="file_created", target="a.md", rules=rules, baseline="")
        }[Rule.FORBIDDEN_PATTERN]

    assert found(b"all\ndone\n") == (CheckStatus.PASSED, "a.md holds nothing that is forbidden")
    assert found(b"all\nTodo: x\n") == (
        CheckStatus.FAILED,
        "a.md holds in line 2 what matches (?i)todo, and must not",
    )
