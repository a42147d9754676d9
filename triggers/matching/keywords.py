"""Finding which of many words a text holds, in one pass over it (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import accumulate

from ahocorasick_rs import AhoCorasick, MatchKind

FEW = 12
"""Up to here it is quicker to look for each by itself."""
FRAGMENT = 12
"""Characters of a word that the automaton looks for; the whole word is looked for where these are found."""
SLICE = 1_000
"""Words between two pauses of a building."""
MOST_BYTES = 230_000
"""Of one automaton. Its building holds the interpreter, at 300,000 for some 25 ms; each more is another pass."""


class Words:
    """Words to look for, none of them empty or with a NUL."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._waiting: list[list[int]] = []
        """For each fragment, the places of its words."""
        self._segments: list[tuple[int, AhoCorasick]] = []

    def building(self, words: Sequence[str]) -> Iterator[None]:
        """Take these, with a pause after each piece of work."""
        self._words = list(words)
        if len(words) <= FEW:
            return
        by_fragment: dict[str, list[int]] = {}
        for at, word in enumerate(words):
            first, last = word[:FRAGMENT], word[-FRAGMENT:]
            rarer = min(first, last, key=lambda fragment: len(by_fragment.get(fragment, ())))
            by_fragment.setdefault(rarer, []).append(at)
            if at % SLICE == 0:
                yield
        # In order: it is built more quickly, and one of a few beginnings lets most of a text pass.
        fragments: list[str] = []
        for fragment in _in_order(list(by_fragment)):
            if fragment is None:
                yield
            else:
                fragments.append(fragment)
                self._waiting.append(by_fragment[fragment])
        for start, end in _cuts([len(fragment.encode()) for fragment in fragments]):
            # Overlapping ones are found by this kind only.
            segment = AhoCorasick(fragments[start:end], matchkind=MatchKind.Standard, store_patterns=False)
            self._segments.append((start, segment))
            yield

    def find(self, text: str) -> list[int]:
        """The places of the words that the text holds; the same one perhaps twice."""
        if not self._segments:
            return [at for at, word in enumerate(self._words) if word in text]
        whole = searchable(text)
        found = []
        for start, segment in self._segments:
            for fragment, _, _ in segment.find_matches_as_indexes(whole, overlapping=True):
                found += [at for at in self._waiting[start + fragment] if self._words[at] in text]
        return found


def _in_order(texts: Sequence[str]) -> Iterator[str | None]:
    """The texts, sorted; None for a pause after each piece of work."""
    runs = []
    for start in range(0, len(texts), SLICE):
        runs.append(sorted(texts[start : start + SLICE]))
        yield None
    for at, text in enumerate(merge(*runs)):
        yield text
        if at % SLICE == 0:
            yield None


def _cuts(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(start, end) of runs that come to MOST_BYTES at most, or are one long."""
    start, before = 0, 0
    for at, total in enumerate(accumulate(lengths)):
        if total - before > MOST_BYTES and at > start:
            yield start, at
            start, before = at, total - lengths[at]
    yield start, len(lengths)


def searchable(text: str) -> str:
    """The text without halves of characters, which UTF-8 cannot hold; no word that is looked for has one."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\0" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text
