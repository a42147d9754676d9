"""Is this request from whom it says? Signatures over the raw bytes, in constant time, failing closed.

GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries. Generic: HMAC-SHA256 of the
body, or of ``{timestamp}.{body}`` where the endpoint declares a timestamp header (at most 5 minutes off), as hex or
base64, with or without ``sha256=`` before it.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from triggers.enums import Refusal, Verification

TOLERANCE_S = 300
GITHUB_HEADER = b"x-hub-signature-256"
_PREFIX = b"sha256="
_HEX = re.compile(rb"[0-9a-fA-F]{64}\Z")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}\Z")

Headers = Mapping[bytes, bytes]
"""Lower-case names; the values of a repeated header are joined by ", " (so that no repeated signature matches)."""


class Signed(Protocol):
    """What the door must know of an endpoint to verify a request to it."""

    @property
    def verification(self) -> str: ...
    @property
    def signature_header(self) -> str: ...
    @property
    def timestamp_header(self) -> str: ...


def refusal_of(
    endpoint: Signed, secrets: Sequence[bytes], headers: Headers, body: bytes, now: datetime
) -> Refusal | None:
    """Why the request must be rejected, or None where one of the live ``secrets`` signed it."""
    if not secrets:
        return Refusal.NO_SECRET
    signed, signature = body, _signature(headers.get(_header_of(endpoint), b""))
    if signature is None:
        return Refusal.BAD_SIGNATURE
    if endpoint.verification == Verification.HMAC_SHA256 and endpoint.timestamp_header:
        stamp = headers.get(endpoint.timestamp_header.lower().encode(), b"")
        if not _TIMESTAMP.match(stamp):
            return Refusal.BAD_SIGNATURE
        if abs(now.timestamp() - int(stamp)) > TOLERANCE_S:
            return Refusal.STALE_TIMESTAMP
        signed = stamp + b"." + body
    # No short cut at the first secret that matches: the time must not tell which one it was.
    matches = [hmac.compare_digest(hmac.digest(secret, signed, "sha256"), signature) for secret in secrets]
    return None if any(matches) else Refusal.BAD_SIGNATURE


def sign(secret: bytes, body: bytes, *, timestamp: int | None = None) -> str:
    """The signature that ``refusal_of`` accepts, as ``sha256=<hex>`` (for senders: tests, simulators, benchmarks)."""
    signed = body if timestamp is None else f"{timestamp}.".encode() + body
    return "sha256=" + hmac.digest(secret, signed, "sha256").hex()


def _header_of(endpoint: Signed) -> bytes:
    if endpoint.verification == Verification.GITHUB:
        return GITHUB_HEADER
    return endpoint.signature_header.lower().encode()


def _signature(value: bytes) -> bytes | None:
    """The 32 bytes of a signature header, or None where it holds no such thing."""
    text = value.strip().removeprefix(_PREFIX)
    if _HEX.match(text):
        return bytes.fromhex(text.decode("ascii"))
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == 32 else None
