"""Text from outside: what cannot be seen is taken out, the same from plain ASCII and from everything else."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triggers.sources.text import clean, clean_line, mentions

pytestmark = pytest.mark.one_pass

TEXTS = st.text(alphabet="ab@./`-\n\r\t\x00\x1f\x7f é\u200b\u2028_9A", max_size=40) | st.text(max_size=40)


@given(TEXTS)
@example("a\r\nb\rc\x00\x7f\td")
@example("é\r\nb\rc\u2028d\u200b\U000e0041")
def test_nothing_that_cannot_be_seen_is_left_and_nothing_else_is_lost(text: str) -> None:
    controls = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    marks = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f"
    expected = re.sub(f"[{controls}{marks}]", "", re.sub("\r\n?|\u2028|\u2029", "\n", text))
    assert clean(text) == expected
    assert clean_line(text) == " ".join(expected.split())


@pytest.mark.parametrize("text", ["a" * 50, "é" * 50, "\x00" * 10 + "a" * 50])
def test_a_text_is_cut(text: str) -> None:
    assert clean(text, 20) == text.replace("\x00", "")[:20]


@pytest.mark.parametrize("value", [None, 7, b"a", ["a"]])
def test_what_is_no_text_is_an_empty_one(value: object) -> None:
    assert clean(value) == ""


def test_names_behind_an_at_are_told_once_in_their_order() -> None:
    text = "@zoe and @adam, (@zoe) @harbor/ferry-team. @end."
    assert mentions(text) == ["zoe", "adam", "harbor/ferry-team", "end"]


@pytest.mark.parametrize("text", ["a@b.example", "a@b@c", "`@x`", "./@x", "-@x", "@@x", "_@x", "@-x", "@ x", "é@x"])
def test_addresses_and_code_are_no_mentions(text: str) -> None:
    assert mentions(text) == []


@given(TEXTS)
def test_mentions_are_what_the_pattern_with_a_look_back_finds(text: str) -> None:
    pattern = r"(?<![\w@./`-])@([A-Za-z0-9][A-Za-z0-9-]{0,38}(?:/[A-Za-z0-9][\w.-]{0,99})?)"
    assert mentions(text) == list(dict.fromkeys(found.rstrip("-.") for found in re.findall(pattern, text)))[:50]


def test_a_crowd_is_cut_at_fifty() -> None:
    assert len(mentions(" ".join(f"@p{number}" for number in range(80)))) == 50
