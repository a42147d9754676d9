"""Turning what a program writes into lines, with bounded memory and for any bytes."""

from __future__ import annotations


class Lines:
    """Cuts one stream into lines of at most `most` bytes; the rest of an over-long line comes as further pieces."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[tuple[str, bool]]:
        """The texts that `chunk` completes, each with whether a newline ended it. Invalid UTF-8 becomes U+FFFD."""
        texts: list[tuple[str, bool]] = []
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            texts.extend(self._add(piece))
            texts.append((self._take(), True))
        if rest:
            texts.extend(self._add(rest))
        return texts

    def end(self) -> list[tuple[str, bool]]:
        """What is left when the stream ends without a newline."""
        return [(self._take(), False)] if self._held else []

    def _add(self, piece: bytes) -> list[tuple[str, bool]]:
        pieces: list[tuple[str, bool]] = []
        self._open.append(piece)
        self._held += len(piece)
        while self._held > self._most:
            whole = b"".join(self._open)
            cut = _character_boundary(whole, self._most)
            self._open, self._held = [whole[cut:]], len(whole) - cut
            pieces.append((whole[:cut].decode("utf-8", "replace"), False))
        return pieces

    def _take(self) -> str:
        text = b"".join(self._open).decode("utf-8", "replace")
        self._open, self._held = [], 0
        return text


def _character_boundary(text: bytes, cut: int) -> int:
    """The last place at or before `cut` that does not split a UTF-8 character; `cut` where the bytes are not UTF-8."""
    for back in range(min(4, cut)):
        if text[cut - back] & 0xC0 != 0x80:
            return cut - back
    return cut
