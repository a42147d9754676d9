"""Filters of a list, kept in its address: what was chosen is checked, what the template draws is built in one place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404, HttpRequest

from accounts.views.keyset import with_query

LONGEST_SEARCH = 200
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Choice:
    """One select: ``options`` are (value, label); "" stands for no choice and is told as ``everything``."""

    name: str
    label: str
    everything: str
    options: Sequence[tuple[str, str]]

    def chosen(self, request: HttpRequest) -> str:
        """The value in the address; "" where there is none or none that is known."""
        value = request.GET.get(self.name, "")
        return value if value in {known for known, _ in self.options} else ""


@dataclass(frozen=True)
class Pin:
    """A narrowing to one thing that a link from elsewhere brought along (``?trigger=4``); a click takes it out."""

    name: str
    label: str
    icon: str = "funnel-fill"


@dataclass(frozen=True)
class Filters:
    """What a list may be narrowed by. ``search`` is the placeholder of the search field, "" without one."""

    label: str
    choices: Sequence[Choice] = ()
    search: str = ""
    pins: Sequence[Pin] = field(default_factory=tuple)

    def shown(self, request: HttpRequest, *, chips: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
        """For ``components/filters.html``."""
        found: dict[str, Any] = {
            "url": request.path,
            "label": self.label,
            "selects": [_select(choice, request) for choice in self.choices],
            "chips": [*chips, *(_pinned(pin, request) for pin in self.pins)],
            "hidden": [{"name": pin.name, "value": request.GET.get(pin.name, "")} for pin in self.pins],
            "clear_url": request.path if self._is_on(request) else "",
        }
        if self.search:
            found["search"] = {"value": searched(request), "placeholder": self.search, "label": self.search}
        return found

    def _is_on(self, request: HttpRequest) -> bool:
        return bool(self.pins or searched(request) or any(choice.chosen(request) for choice in self.choices))


def searched(request: HttpRequest) -> str:
    """What was searched for, bounded and without what no database takes."""
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]


def wanted_id(request: HttpRequest, name: str) -> int | None:
    """The id under ``name`` in the address, None where there is none; what is no id is a 404."""
    text = request.GET.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID):
        raise Http404
    return int(text)


def _select(choice: Choice, request: HttpRequest) -> dict[str, Any]:
    options = [("", choice.everything), *choice.options]
    return {
        "name": choice.name,
        "label": choice.label,
        "value": choice.chosen(request),
        "options": [{"value": value, "label": label} for value, label in options],
    }


def _pinned(pin: Pin, request: HttpRequest) -> dict[str, Any]:
    return {"label": pin.label, "icon": pin.icon, "url": with_query(request, **{pin.name: None}), "on": True}
