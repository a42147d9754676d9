"""JSON from outside: what is refused, and that everything else is exactly what `json.loads` says."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dct_site.kernel import safe_json
from dct_site.kernel.safe_json import MAX_DEPTH, UnsafeJson, UnsafeReason, check, loads, screen

MAX = 10_000_000


def refusal(raw: bytes) -> UnsafeReason:
    with pytest.raises(UnsafeJson) as caught:
        loads(raw, max_bytes=MAX)
    assert caught.value.message
    with pytest.raises(UnsafeJson) as looked_at:
        check(raw, max_bytes=MAX)
    assert (looked_at.value.reason, looked_at.value.message) == (caught.value.reason, caught.value.message)
    return caught.value.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", UnsafeReason.NOT_JSON),
        (b" ", UnsafeReason.NOT_JSON),
        (b"{", UnsafeReason.NOT_JSON),
        (b"{'a': 1}", UnsafeReason.NOT_JSON),
        (b"[1,]", UnsafeReason.NOT_JSON),
        (b"1 2", UnsafeReason.NOT_JSON),
        (b'"a\x00b"', UnsafeReason.NOT_JSON),
        (b"a=1&b=2", UnsafeReason.NOT_JSON),
        (b"\xff\xfe{\x00}\x00", UnsafeReason.NOT_UTF8),
        (b'"\xed\xa0\x80"', UnsafeReason.NOT_UTF8),
        (b'"\xc3"', UnsafeReason.NOT_UTF8),
        ("\ufeff\ufeff1".encode(), UnsafeReason.NOT_JSON),
        (b"NaN", UnsafeReason.NOT_FINITE),
        (b"[-Infinity]", UnsafeReason.NOT_FINITE),
        (b'{"a": 1e400}', UnsafeReason.NOT_FINITE),
        (b"-1E+309", UnsafeReason.NOT_FINITE),
        (b"9" * 400 + b".0", UnsafeReason.NOT_FINITE),
        (b"1" * 1001, UnsafeReason.NUMBER_TOO_LONG),
        (b"-" + b"1" * 5000, UnsafeReason.NUMBER_TOO_LONG),
        (b'"\\u0000"', UnsafeReason.NUL),
        (b'{"a\\u0000": 1}', UnsafeReason.NUL),
        (b'"\\\\\\u0000"', UnsafeReason.NUL),
        (b'"\\ud800"', UnsafeReason.LONE_SURROGATE),
        (b'"\\uDFFF"', UnsafeReason.LONE_SURROGATE),
        (b'"\\ud83d\\\\\\ude00"', UnsafeReason.LONE_SURROGATE),
        (b'"\\ude00\\ud83d"', UnsafeReason.LONE_SURROGATE),
        (b'"\\ud83d\\ud83d\\ude00"', UnsafeReason.LONE_SURROGATE),
        (b"[" * 65 + b"]" * 65, UnsafeReason.TOO_DEEP),
        (b'{"a":' * 65 + b"1" + b"}" * 65, UnsafeReason.TOO_DEEP),
        (b'["]",' * 70 + b"1" + b',"["]' * 70, UnsafeReason.TOO_DEEP),
        (b"[" * 1_000_000 + b"]" * 1_000_000, UnsafeReason.TOO_DEEP),
        (b"[" * 1_000_000, UnsafeReason.TOO_DEEP),
        (b'{"a":' * 1_000_000, UnsafeReason.TOO_DEEP),
    ],
)
def test_an_unsafe_body_is_refused_for_its_reason(raw: bytes, reason: UnsafeReason) -> None:
    assert refusal(raw) == reason


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\ud83d\\uDE00"', "\U0001f600"),
        (b'"\\\\\\ud83d\\ude00"', "\\\U0001f600"),
        (b"1" * 1000, int("1" * 1000)),
        (b"-" + b"1" * 1000, -int("1" * 1000)),
        (b"1e-400", 0.0),
        (b"1.5e300", 1.5e300),
        (json.dumps("[" * 5000).encode(), "[" * 5000),
        (json.dumps(['"[' * 99, "\\"]).encode(), ['"[' * 99, "\\"]),
        (b"[" + b"[]," * 5000 + b"[]]", [[]] * 5001),
    ],
)
def test_a_safe_body_is_taken_as_it_is(raw: bytes, value: Any) -> None:
    assert loads(raw, max_bytes=MAX) == value
    check(raw, max_bytes=MAX)


def test_an_integer_that_is_too_long_is_found_wherever_it_begins() -> None:
    for before in range(0, 520, 3):
        assert refusal(b"[" + b" " * before + b"1" * 1001 + b"]") == UnsafeReason.NUMBER_TOO_LONG


@pytest.mark.parametrize("raw", [b' {"a": [1]}\r\n', b'{"a": [1]} ', b'\n{"a": [1]}'])
def test_white_space_around_a_body_says_nothing(raw: bytes) -> None:
    assert loads(raw, max_bytes=MAX) == {"a": [1]}


def test_the_deepest_body_allowed_is_taken() -> None:
    raw = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(loads(raw, max_bytes=MAX)).encode() == raw


def test_a_body_over_its_size_is_refused_before_it_is_read() -> None:
    assert loads(b"[1]", max_bytes=3) == [1]
    with pytest.raises(UnsafeJson, match="at most 2 are taken") as caught:
        loads(b"[1]", max_bytes=2)
    with pytest.raises(UnsafeJson, match="at most 2 are taken"):
        check(b"[1]", max_bytes=2)
    assert caught.value.reason == UnsafeReason.TOO_LARGE


def test_a_clean_body_passes_the_screen_alone() -> None:
    assert not screen(json.dumps({"text": "ordinary \n text", "numbers": [1, 2.5]}).encode())


@pytest.mark.parametrize("count", range(MAX_DEPTH - 2, MAX_DEPTH + 3))
def test_the_screen_counts_brackets_of_both_kinds(count: int) -> None:
    """Only what has no more of them than levels are allowed is surely not too deep."""
    for braces in (0, 1, count // 2, count):
        raw = b"[" + b",".join([b"{}"] * braces + [b"[]"] * (count - braces - 1)) + b"]"
        assert screen(raw) is (raw.count(b"{") + raw.count(b"[") > MAX_DEPTH)


def test_many_may_look_at_once() -> None:
    """One parser is shared; who finds it busy reads for itself."""
    bodies = [json.dumps({"n": [number] * 500}).encode() for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: check(bodies[number % 4], max_bytes=MAX), range(400)))


def test_a_look_makes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_json, "loads", None)
    check(b'{"a": [1, 2.5, "text"], "b": null}', max_bytes=MAX)


def test_the_screen_finds_a_nul_only_where_something_is_escaped() -> None:
    assert screen(b'["\\u0000"]')
    assert not screen(b'["u0000"]')
    assert not screen(b'["\\n", "u0000"]')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    max_leaves=30,
)


@given(VALUES, st.booleans())
def test_any_value_is_taken_unchanged_or_refused_because_it_is_unsafe(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    expected = None if _is_unsafe(value) else value
    try:
        assert loads(raw, max_bytes=MAX) == expected
        assert not _is_unsafe(value)
    except UnsafeJson:
        assert _is_unsafe(value)


@given(st.binary() | st.text('[]{}",:\\u0d81eE+-.NaItrf \ufeff').map(str.encode))
@example(b'"\\')
@example(b'"\\ude00"')
@example(b'"\\ud800\\u0041"')
@example(b"1.7976931348623159e308")
@example(b"18446744073709551616")
@example(b'{"\\ud8')
def test_any_bytes_are_taken_or_refused_and_never_raise_anything_else(raw: bytes) -> None:
    try:
        value = loads(raw, max_bytes=MAX)
    except UnsafeJson:
        refusal(raw)
        return
    check(raw, max_bytes=MAX)
    assert value == json.loads(raw.decode("utf-8-sig"))
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode("utf-8")


@given(st.integers(1, 80), st.randoms())
def test_depth_is_counted_as_the_parser_counts(depth: int, random: Any) -> None:
    value: Any = "]}"
    for _ in range(depth):
        value = [value, '{["\\'] if random.random() < 0.5 else {'"[': value, "x": [1]}
    raw = json.dumps(value).encode()
    if _depth(value) > MAX_DEPTH:
        assert refusal(raw) == UnsafeReason.TOO_DEEP
    else:
        assert loads(raw, max_bytes=MAX) == value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


def _is_unsafe(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value)
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, list):
        return any(map(_is_unsafe, value))
    if isinstance(value, dict):
        return any(map(_is_unsafe, value)) or any(map(_is_unsafe, value.values()))
    return False
