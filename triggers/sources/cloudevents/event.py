"""What a CloudEvent is: its attributes checked one by one, so that a refusal names every one that is wrong. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from triggers.conditions.schema import Problem

SPECVERSION = "1.0"
REQUIRED = ("specversion", "id", "source", "type")
OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
LONGEST: Mapping[str, int] = {"id": 200, "source": 300, "type": 100, "subject": 300}
"""Characters; an attribute that is not named here has at most LONGEST_OTHER."""
LONGEST_OTHER = 1000
MOST_ATTRIBUTES = 40
MOST_HOPS = 30_000
"""As many as a row holds; far beyond any limit."""
HOPS = "dcthops"
"""The extension attribute that says how many steps an event is away from a change outside."""
RESERVED = "dct."
"""Types of DCT's own news begin so; nobody else sends them."""

_NAME = re.compile(r"[a-z0-9]{1,40}\Z")
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_URI = re.compile(r"[^\s<>\"{}|\\^`]+\Z")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,12})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_MEDIA = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?\Z")


class NotACloudEvent(Exception):
    """``problems`` lists everything that is wrong; each one's path is the attribute's name."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class CloudEvent:
    """One event. ``attributes`` hold its context attributes, extensions included; an event may have no data."""

    attributes: Mapping[str, Any]
    has_data: bool
    data: Any = None

    def __getitem__(self, name: str) -> str:
        """An attribute as text; empty where there is none."""
        return str(self.attributes.get(name, ""))

    @property
    def time(self) -> datetime | None:
        """When it happened, in UTC; None where it does not say."""
        return moment(self["time"])

    @property
    def extensions(self) -> dict[str, Any]:
        """The attributes that the specification does not name."""
        return extensions_of(self.attributes)

    @property
    def hops(self) -> int:
        """How many steps of DCT's own lie between a change outside and this; 0 where it does not say."""
        return min(int(self.attributes.get(HOPS, 0)), MOST_HOPS)

    @property
    def key(self) -> str:
        """What is the same for two copies of one event and for nothing else: source and id (section 3.1.1).

        No URI has a blank in it, so that no other pair reads the same.
        """
        return bounded(f"{self['source']} {self['id']}")


def extensions_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Of all attributes those that the specification does not name."""
    return {name: value for name, value in attributes.items() if name not in _DEFINED}


def event_of(value: Mapping[str, Any]) -> CloudEvent:
    """The event in the form of its JSON object. Raises NotACloudEvent."""
    told = {name: one for name, one in value.items() if name not in {"data", "data_base64"} and one is not None}
    problems = [
        Problem(name, "required", f"{name} is missing: every CloudEvent has it.")
        for name in REQUIRED
        if name not in told
    ]
    if value.get("data_base64") is not None:
        problems.append(Problem("data_base64", "not_taken", "Binary data is not taken. Send JSON in data."))
    if len(told) > MOST_ATTRIBUTES:
        problems.append(Problem("", "too_many", f"It has more than {MOST_ATTRIBUTES} attributes."))
    else:
        problems += [
            Problem(name[:60], code, f"{name[:60]} {words}")
            for name, one in told.items()
            for code, words in _wrong(name, one)
        ]
    if problems:
        raise NotACloudEvent(problems)
    return CloudEvent(told, "data" in value, value.get("data"))


def moment(text: str) -> datetime | None:
    """A time of RFC 3339 in UTC; None where it is none."""
    if not _TIME.match(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def bounded(key: str) -> str:
    """A key that fits into a delivery's and an item's column: a longer one by its hash."""
    return key if len(key) <= 300 else f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def _wrong(name: str, value: Any) -> list[tuple[str, str]]:
    """(code, the end of a sentence) for the first thing that is wrong with an attribute."""
    if not _NAME.match(name):
        return [("name", "is no attribute: names are lower-case letters and digits, 40 at most.")]
    if isinstance(value, str):
        checks = (*_TEXTS, *_MEANINGS.get(name, ()))
        return [(code, words) for code, words, holds in checks if not holds(name, value)][:1]
    if name in _DEFINED or not isinstance(value, int):
        return [("not_text", "must be a text.")]
    if name == HOPS and value < 0:
        return [("out_of_range", "must not be below 0.")]
    return [] if -(2**31) <= value < 2**31 else [("out_of_range", "must be a whole number of 32 bits.")]


Check = tuple[str, str, Callable[[str, str], bool]]
"""(code, the end of a sentence, whether the attribute of this name and text is right)."""

_DEFINED = frozenset({*REQUIRED, *OPTIONAL})
_TEXTS: tuple[Check, ...] = (
    (
        "too_long",
        f"is too long: at most {', '.join(f'{most} ({name})' for name, most in LONGEST.items())}, {LONGEST_OTHER}.",
        lambda name, text: len(text) <= LONGEST.get(name, LONGEST_OTHER),
    ),
    (
        "not_visible",
        "has a character that nobody can see.",
        lambda name, text: not _NOT_TEXT.search(text) and (name not in REQUIRED or text.isprintable()),
    ),
    ("empty", "must not be empty.", lambda name, text: name not in _DEFINED or bool(text.strip())),
)
_MEANINGS: Mapping[str, tuple[Check, ...]] = {
    HOPS: (
        (
            "not_a_number",
            "must be a whole number, as DCT gave it with the event that yours came of.",
            lambda _, text: bool(_NUMBER.match(text)),
        ),
    ),
    "specversion": (("unknown_version", f"must be {SPECVERSION}.", lambda _, text: text == SPECVERSION),),
    "type": (
        (
            "reserved",
            f"must not begin with {RESERVED}: these are DCT's own.",
            lambda _, text: not text.startswith(RESERVED),
        ),
    ),
    "source": (
        (
            "not_a_uri",
            "must be a URI, or a part of one such as /shop/orders.",
            lambda _, text: bool(_URI.match(text)),
        ),
    ),
    "dataschema": (
        (
            "not_a_uri",
            "must be an absolute URI.",
            lambda _, text: bool(_URI.match(text) and _ABSOLUTE.match(text)),
        ),
    ),
    "time": (
        (
            "not_a_time",
            "must be a time of RFC 3339, such as 2026-11-20T12:00:00Z.",
            lambda _, text: moment(text) is not None,
        ),
    ),
    "datacontenttype": (
        (
            "not_a_media_type",
            "must be a media type, such as application/json.",
            lambda _, text: bool(_MEDIA.match(text)),
        ),
    ),
}
