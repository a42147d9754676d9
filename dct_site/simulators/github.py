"""Posts signed, self-made GitHub webhooks to the demo, as GitHub would; no Django needed."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).with_name("payloads")
TIMEOUT_S = 10.0


class NotPosted(Exception):
    """The webhook could not be posted at all; the message is one sentence."""


@dataclass(frozen=True)
class Posted:
    """What the door answered. ``delivery_id`` is the sender's id, to repeat."""

    status: int
    answer: Mapping[str, Any]
    delivery_id: str


def events() -> list[str]:
    """The events that can be posted."""
    return sorted(path.stem for path in PAYLOADS.glob("*.json"))


def body_of(event: str, *, number: int, now: datetime) -> bytes:
    """The payload of an event about pull request ``number``, at ``now``."""
    text = (PAYLOADS / f"{event}.json").read_text(encoding="utf-8")
    filled = text.replace('"__NUMBER__"', str(number)).replace("__NUMBER__", str(number))
    payload = json.loads(filled.replace("__NOW__", now.strftime("%Y-%m-%dT%H:%M:%SZ")))
    return json.dumps(payload, separators=(",", ":")).encode()


def post(
    *,
    url: str,
    secret: str,
    body: bytes,
    event: str = "pull_request",
    delivery_id: str = "",
    is_spoiled: bool = False,
) -> Posted:
    """Post a webhook, signed with ``secret`` (or, spoiled, with another one). Raises NotPosted."""
    delivery_id = delivery_id or str(uuid.uuid4())
    key = f"not {secret}" if is_spoiled else secret
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/demo",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest(),
    }
    if not url.startswith(("http://", "https://")):
        raise NotPosted(f"{url!r} is not the address of a webhook.")
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return Posted(answer.status, _read(answer.read()), delivery_id)
    except urllib.error.HTTPError as refused:
        with refused:
            return Posted(refused.code, _read(refused.read()), delivery_id)
    except OSError as error:
        raise NotPosted(f"Nobody answers at {url}: is the demo running?") from error


def _read(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
