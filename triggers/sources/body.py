"""The JSON object in a delivery's body, sent as it is or as a form."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from dct_site.kernel import safe_json
from triggers.enums import Refusal
from triggers.sources.base import RawDelivery, Refused

FORM = "application/x-www-form-urlencoded"
LARGEST = 32 * 1024 * 1024


def payload_of_form(body: bytes) -> bytes:
    """The ``payload`` field of a form, as GitHub sends it; empty where there is none."""
    try:
        fields = parse_qs(body.decode("ascii", "replace"), max_num_fields=20, errors="surrogateescape")
    except ValueError:
        return b""
    return fields.get("payload", [""])[0].encode("utf-8", "surrogateescape")


def read_value(raw: RawDelivery) -> Any:
    """The JSON value of a delivery. Raises Refused."""
    is_form = raw.headers.get("content-type", "").lower().startswith(FORM)
    try:
        return safe_json.loads(payload_of_form(raw.body) if is_form else raw.body, max_bytes=LARGEST)
    except safe_json.UnsafeJson as unsafe:
        raise Refused(Refusal.NOT_SAFE_JSON, str(unsafe)) from None


def read_object(raw: RawDelivery) -> dict[str, Any]:
    """The JSON object of a delivery. Raises Refused."""
    value = read_value(raw)
    if not isinstance(value, dict):
        raise Refused(Refusal.NOT_UNDERSTOOD, "The body is not a JSON object.")
    return value


def value_at(value: Any, path: Any) -> Any:
    """The value at a dotted path (names, and places in lists); None where there is none."""
    if not isinstance(path, str) or not path:
        return None
    for step in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and len(step) < 8 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
