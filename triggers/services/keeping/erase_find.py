"""What an erasure is about: the events of an item and of what hangs under it; whatever names a person.

The database only narrows: a name is found as a whole word ("ann" is not "joanna"), by the same function for the
preview and for the work.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Length
from django.utils.crypto import salted_hmac

from accounts.enums import Source
from triggers.models import Delivery, Event, PendingDelivery
from workspaces.models import ContextItem, ItemState

SHORTEST, LONGEST = 2, 200
ERASED = "[erased]"
_BODIES = 20
"""Raw bodies in memory at a time."""
RAW, RAW_BYTES = 200, 2 * 1024 * 1024
"""Deliveries whose raw bytes are read for one step of the work."""
PREVIEWED, PREVIEWED_BYTES = 10_000, 32 * 1024 * 1024
"""The same for a preview: the newest ones."""
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True)
class Person:
    """A person as a source knows them: an address or a login. ``connection_id``: only there."""

    name: str
    connection_id: int | None = None

    @property
    def digest(self) -> str:
        """A keyed hash: whoever knows the name and the installation's key finds the erasure, nobody else the name."""
        return salted_hmac("triggers.erasure", self.name.casefold(), algorithm="sha256").hexdigest()

    @cached_property
    def _word(self) -> "re.Pattern[str]":
        # Of its own making, without a quantifier: nothing that could run away.
        return re.compile(rf"(?<![\w.+-]){re.escape(self.name)}(?![\w+-]|[.@]\w)", re.IGNORECASE)

    def is_in(self, value: Any) -> bool:
        """Whether a text, or any text below a JSON value (names of members too), names the person."""
        return any(self._finds(text) for text in _texts(value))

    def is_in_bytes(self, body: bytes, source: str) -> bool:
        """Whether raw bytes name the person: as they are, or as JSON, forms and mails (their headers too) write it."""
        return any(self._finds(text) for text in _readings(body, source))

    def _finds(self, text: str) -> bool:
        # Most texts are told apart thirty times faster by their letters alone; beyond ASCII, case is not that simple.
        if text.isascii() and self.name.isascii() and self.name.lower() not in text.lower():
            return False
        return self._word.search(text) is not None

    def without(self, value: Any) -> Any:
        """The same JSON value with the person's name taken out of every text."""
        if isinstance(value, str):
            return self._word.sub(ERASED, value)
        if isinstance(value, Mapping):
            return {self.without(key): self.without(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.without(inner) for inner in value]
        return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _readings(body: bytes, source: str) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    yield text
    if "%" in text:
        yield unquote_plus(text)
    if "\\u" in text:
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if source == Source.EMAIL:
        for part in message_from_bytes(body).walk():
            yield from _decoded(part)
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload.decode("utf-8", "replace")


def _decoded(part: Message) -> Iterator[str]:
    """Headers that were written in another way than they read."""
    for value in part.values():
        if "=?" in str(value):
            with suppress(HeaderParseError, LookupError, UnicodeError):
                yield str(make_header(decode_header(str(value))))


def item_ids_of(item_id: int) -> list[int]:
    """The item and everything that hangs under it."""
    found, level = [item_id], [item_id]
    while level := list(ContextItem.objects.filter(parent__in=level).values_list("pk", flat=True)):
        found += level
    return found


def events_about(item_ids: Iterable[int]) -> QuerySet[Event]:
    """Events of these items that still say something, in order."""
    return Event.objects.filter(item__in=list(item_ids), purged_at=None).order_by("pk")


def events_near(person: Person) -> QuerySet[Event]:
    """Events that may name the person, in order; ``names`` tells."""
    parts = Q(subject__icontains=person.name) | Q(actor__icontains=person.name)
    rows = _narrowed(Event.objects.filter(purged_at=None), ("facts", "data", "changes", "before"), person, parts)
    return _of_connection(rows, "connection", person).order_by("pk")


def names(event: Event, person: Person) -> bool:
    """Whether what the event says names the person."""
    said = (event.subject, event.actor, event.facts, event.data, event.changes, event.before)
    return any(person.is_in(part) for part in said)


def items_near(person: Person) -> QuerySet[ContextItem]:
    """Items whose present state, title or address may name the person."""
    told = Q(title__icontains=person.name) | Q(url__icontains=person.name)
    rows = _narrowed(ContextItem.objects.all(), ("state",), person, told)
    return _of_connection(rows, "connection", person).order_by("pk")


def is_named(item: ContextItem, person: Person) -> bool:
    """Whether what is known of an item now names the person."""
    return any(person.is_in(part) for part in (item.state, item.title, item.url))


def states_near(person: Person) -> QuerySet[ItemState]:
    """States of items that may name the person."""
    rows = _narrowed(ItemState.objects.all(), ("state", "changes"), person, Q())
    return _of_connection(rows, "item__connection", person).order_by("pk")


class Raw(NamedTuple):
    """A delivery whose raw bytes, headers or reason name the person, and whether events were made of it."""

    pk: int
    has_event: bool


def raw_naming(person: Person, *, until: datetime, after_id: int) -> tuple[list[Raw], int | None]:
    """Those among the next deliveries that had arrived by then; and the last that was looked at, None where none was.

    Every body is read, a few at a time: bytes have no index. What still waits for its decision is left out.
    """
    rows = _arrived(person, until).filter(pk__gt=after_id).order_by("pk")
    ids = _within(rows, RAW, RAW_BYTES)
    return _named_raw(person, ids), ids[-1] if ids else None


def newest_raw_naming(person: Person, *, until: datetime) -> tuple[list[Raw], bool]:
    """The same among the newest deliveries, for a preview; and whether these were all."""
    rows = _arrived(person, until).order_by("-pk")
    ids = _within(rows, PREVIEWED, PREVIEWED_BYTES)
    return _named_raw(person, ids), not ids or not rows.filter(pk__lt=ids[-1]).exists()


def _arrived(person: Person, until: datetime) -> QuerySet[Delivery]:
    waits = PendingDelivery.objects.filter(delivery=OuterRef("pk"))
    rows = Delivery.objects.filter(~Exists(waits), received_at__lte=until)
    return _of_connection(rows, "connection_id", person)


def _within(rows: QuerySet[Delivery], most: int, most_bytes: int) -> list[int]:
    """The ids of the first rows whose bodies fit; at least one."""
    found: list[int] = []
    for pk, size in rows.values_list("pk", Length("body"))[:most].iterator():
        most_bytes -= size
        if found and most_bytes < 0:
            break
        found.append(pk)
    return found


def _named_raw(person: Person, ids: Sequence[int]) -> list[Raw]:
    found = []
    for start in range(0, len(ids), _BODIES):
        rows = Delivery.objects.filter(pk__in=ids[start : start + _BODIES])
        said = rows.values_list("pk", "body", "headers", "source", "outcome__detail", "outcome__event_count")
        found += [
            Raw(pk, bool(events))
            for pk, body, headers, source, detail, events in said.order_by()
            if person.is_in(headers) or person.is_in(detail) or person.is_in_bytes(bytes(body), source)
        ]
    return found


def _narrowed(rows: QuerySet[Any], columns: Iterable[str], person: Person, found: Q) -> QuerySet[Any]:
    """Rows one of whose JSON columns holds the name, as PostgreSQL writes it or as it was written."""
    spelt = {person.name, json.dumps(person.name)[1:-1]}
    for column in columns:
        rows = rows.alias(**{f"{column}_text": Cast(column, TextField())})
        for name in spelt:
            found |= Q(**{f"{column}_text__icontains": name})
    return rows.filter(found)


def _of_connection(rows: QuerySet[Any], column: str, person: Person) -> QuerySet[Any]:
    return rows if person.connection_id is None else rows.filter(**{column: person.connection_id})
