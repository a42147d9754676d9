"""Many words in one pass, in segments that are quick to build."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.matching import keywords
from triggers.matching.keywords import FEW, Words, searchable

pytestmark = pytest.mark.one_pass

ALPHABET = "abä"
WORD = st.text(ALPHABET, min_size=1, max_size=14)


def built(words: list[str]) -> tuple[Words, int]:
    """The words, and how many pauses their building had."""
    taken = Words()
    return taken, sum(1 for _ in taken.building(words))


@given(words=st.lists(WORD, unique=True, max_size=2 * FEW), text=st.text(ALPHABET, max_size=40))
@settings(max_examples=200)
def test_exactly_the_words_that_the_text_holds_are_found(words: list[str], text: str) -> None:
    taken, _ = built(words)
    assert sorted(set(taken.find(text))) == [at for at, word in enumerate(words) if word in text]


@pytest.mark.parametrize(("most", "segments"), [(1, 15), (20, 2), (10_000, 1)])
def test_segments_find_together_what_one_would_find(monkeypatch: pytest.MonkeyPatch, most: int, segments: int) -> None:
    monkeypatch.setattr(keywords, "MOST_BYTES", most)
    words = ["an", "ana", "banana", "nan", "b", "long enough to be alone", "ä", *"cdefghij"]
    taken, pauses = built(words)
    # One in each slice of words, two while they are put in order, one after each automaton.
    assert pauses == segments + 3
    for text in ("banana", "", "Ana", "bänän", "a long enough to be alone", "j"):
        assert set(taken.find(text)) == {at for at, word in enumerate(words) if word in text}


def test_words_that_begin_alike_are_looked_for_by_their_ends() -> None:
    words = [f"please look at number {at:03}" for at in range(50)]
    taken, _ = built(words)
    assert taken.find("so please look at number 007 again") == [7]
    assert max(len(waiting) for waiting in taken._waiting) <= 2


def test_half_a_character_becomes_what_no_word_holds() -> None:
    assert searchable("a\ud800b") == "a\0b"
    assert searchable("aöb") == "aöb"
