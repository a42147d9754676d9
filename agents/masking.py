"""What a program says of the secrets that it was given is masked before anybody keeps it.

A guard against carelessness – a printed environment, a traceback – and not against a program that means to tell.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

MASK = "•••"
_SHORTEST = 6
"""A shorter one would mask words that have nothing to do with it."""


def masking(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that masks each secret in a line: as it is, in JSON, in an address, in hex and in base64."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    if not forms:
        return str
    # The longest first: one may be part of another.
    found = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda line: found.sub(MASK, line)


def _forms(secret: str) -> Iterable[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    yield from secret.splitlines()
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    yield raw.hex()
    yield base64.b64encode(raw).decode().rstrip("=")
    yield base64.urlsafe_b64encode(raw).decode().rstrip("=")
