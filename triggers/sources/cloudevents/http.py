"""One CloudEvent out of an HTTP request: structured mode, or binary mode with a JSON body. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from dct_site.kernel import safe_json
from triggers.conditions.schema import Problem
from triggers.sources.cloudevents.event import CloudEvent, NotACloudEvent, event_of

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_PREFIX = "ce-"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\Z')
_HEADER = re.compile(r"[\x20-\x7e]*\Z")


class NotTaken(Exception):
    """The request has a form that DCT does not read; the message says which one it does."""


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are part of the event, and who the sending program says it is; names in lower case.

    Nothing else is stored: an Authorization header never comes near a delivery.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lower.items() if name.startswith(_PREFIX) or name in _KEPT}


def read(headers: Mapping[str, str], body: bytes, *, max_bytes: int) -> CloudEvent:
    """The event of a request; ``headers`` by lower-case name. Raises NotTaken and NotACloudEvent."""
    media, charset = media_of(headers)
    only_as_it_is(headers)
    if media == STRUCTURED and charset in _UTF8:
        return _structured(body, max_bytes)
    attributes = {name.removeprefix(_PREFIX): value for name, value in headers.items() if name.startswith(_PREFIX)}
    if not attributes or media.startswith("application/cloudevents"):
        raise NotTaken(f"Send a CloudEvent: as {STRUCTURED}, or as JSON with its attributes in ce- headers (UTF-8).")
    if body and not (_is_json(media) and charset in _UTF8):
        raise NotTaken("In binary mode the body must be JSON in UTF-8: send Content-Type: application/json.")
    return _binary(attributes, headers.get("content-type", ""), body, max_bytes)


def _structured(body: bytes, max_bytes: int) -> CloudEvent:
    value = _json(body, max_bytes, "")
    if not isinstance(value, dict):
        raise NotACloudEvent([Problem("", "not_an_object", "A CloudEvent is a JSON object.")])
    return event_of(value)


def _binary(sent: Mapping[str, str], content_type: str, body: bytes, max_bytes: int) -> CloudEvent:
    value: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, header in sent.items():
        text = _text(header)
        if name in _NOT_IN_HEADERS:
            problems.append(Problem(name, "misplaced", f"{name} is not sent as a header of its own in binary mode."))
        elif text is None:
            problems.append(Problem(name, "not_encoded", f"{name} must be ASCII, all else percent-encoded UTF-8."))
        else:
            value[name] = text
    if problems:
        raise NotACloudEvent(problems)
    if body:
        value |= {"datacontenttype": content_type, "data": _json(body, max_bytes, "data")}
    return event_of(value)


def _json(body: bytes, max_bytes: int, path: str) -> Any:
    try:
        return safe_json.loads(body, max_bytes=max_bytes)
    except safe_json.UnsafeJson as unsafe:
        raise NotACloudEvent([Problem(path, "not_safe_json", f"The body is not safe JSON: {unsafe}")]) from None


def _text(header: str) -> str | None:
    """The text of a header's value (section 3.1.3.2: quotes first, then percent-encoding); None where it is none."""
    if not _HEADER.match(header):
        return None
    quoted = _QUOTED.match(header.strip())
    plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header.strip()
    try:
        return unquote_to_bytes(plain).decode("utf-8")
    except UnicodeDecodeError:
        return None


def only_as_it_is(headers: Mapping[str, str]) -> None:
    """Raises NotTaken for a body that is packed."""
    if headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise NotTaken("Send the body as it is, without Content-Encoding.")


def media_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """(media type, charset) in lower case; the charset is empty where none is named."""
    lower = {name.lower(): value for name, value in headers.items()}
    media, *parameters = lower.get("content-type", "").lower().split(";")
    named = (one.partition("=") for one in parameters)
    charsets = [value.strip().strip('"') for name, _, value in named if name.strip() == "charset"]
    return media.strip(), charsets[-1] if charsets else ""


def _is_json(media: str) -> bool:
    return media in {"application/json", "text/json"} or media.endswith("+json")


_KEPT = frozenset({"content-type", "user-agent"})
_UTF8 = frozenset({"", "utf-8", "utf8", "us-ascii"})
_NOT_IN_HEADERS = frozenset({"data", "data_base64", "datacontenttype"})
