"""Columns of lists that many models share."""

from collections.abc import Callable
from typing import Any

from unfold.decorators import display

from dct_site.kernel.statuswords import WORDS, Kind, Tone, status_word

_LABELS = {
    Tone.GOOD: "success",
    Tone.LIVE: "info",
    Tone.WAIT: "default",
    Tone.WARN: "warning",
    Tone.BAD: "danger",
    Tone.OFF: "default",
}


def status_column(kind: Kind, field: str = "status") -> Callable[[Any, Any], Any]:
    """A column with the status's word, in the tone that it has on every page."""

    def column(_page: Any, row: Any) -> tuple[str, str]:
        value = str(getattr(row, field))
        return value, status_word(kind, value).word if value else "–"

    labels = {value: _LABELS[word.tone] for value, word in WORDS[kind].items()}
    as_column = display(description=field.replace("_", " "), ordering=field, label=labels)
    shown: Callable[[Any, Any], Any] = as_column(column)
    return shown
