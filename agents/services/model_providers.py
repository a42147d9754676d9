"""Model providers: who answers as a model, registered by Developers with an address and a key.

The key is given to the runs that ask this provider, on their standard input, and to nobody else: it is not in argv,
environments, files, answers, logs or the audit.
"""

import re
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from agents.enums import ModelApi
from agents.models import ModelProvider
from agents.runtimes import CannotRun, ModelAccess
from agents.services.values import BadValues
from dct_site.kernel.crypto import WrongKey
from dct_site.kernel.edits import edit

EDITABLE = ("api", "base_url", "description", "is_enabled")
LONGEST_KEY = 1_000
LONGEST_URL = 500
LONGEST_DESCRIPTION = 10_000
_NO_ADDRESS = "Write the address as https://host/path."
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def register(*, name: str, by: Actor, registered_by: User, now: datetime, **values: Any) -> ModelProvider:
    """Register a provider. ``values``: api, base_url, description, is_enabled, and ``key``. Raises BadValues."""
    provider = ModelProvider(name=name, registered_by=registered_by, created_at=now, updated_at=now)
    key = _key(values)
    _set(provider, values, key=key or "")
    with transaction.atomic():
        provider.key = key or ""
        provider.save()
        after = {"name": name, **values, **_told(key)}
        audit.record(by=by, action="model_provider.registered", obj=provider, now=now, after=after)
    return provider


def update(
    *, provider: ModelProvider, by: Actor, now: datetime, version: int | None = None, **values: Any
) -> ModelProvider:
    """Change a provider; runs at work go on with what they were given. ``key`` replaces the one that is there, an empty
    one takes it away; another address needs the key again. Raises BadValues and EditConflict.
    """
    key = _key(values)
    before = {field: getattr(provider, field, None) for field in values}
    # Elsewhere it would be handed to whoever answers there, by somebody who never knew it.
    is_elsewhere = any(name in values and values[name] != before[name] for name in ("base_url", "api"))
    if key is None and is_elsewhere and has_key(provider):
        raise BadValues({"key": "Another address or way of speaking needs the key again."})
    _set(provider, values, key=_stored(provider) if key is None else key)
    written = {} if key is None else {"key": key}
    with transaction.atomic():
        edit(provider, version=version, updated_at=now, **values, **written)
        after = {**values, **_told(key)}
        audit.record(by=by, action="model_provider.updated", obj=provider, now=now, before=before, after=after)
    return provider


def has_key(provider: ModelProvider) -> bool:
    """Whether one was written; what it is is told to nobody."""
    return bool(provider.__dict__["key"])


def provider_named(model: str) -> tuple[ModelProvider | None, str]:
    """(who is asked, which of its models) for a profile's ``model``, as ``anthropic:claude-…``."""
    name, _, rest = model.partition(":")
    return ModelProvider.objects.filter(name=name).first(), rest


def problem_of(model: str) -> str:
    """What is wrong with a profile's ``model``, in a sentence; empty where it names a provider that is there."""
    provider, name = provider_named(model)
    if provider is None:
        known = ", ".join(ModelProvider.objects.filter(is_enabled=True).values_list("name", flat=True)[:10])
        there = f"there are {known}" if known else "a Developer can register one under Model providers"
        return f"Write it as provider:model, with a registered provider; {there}."
    if not provider.is_enabled:
        return f"The provider “{provider.name}” is switched off."
    return "" if name.strip() == name and name else f"Name the model after the colon, as in “{provider.name}:name”."


def access_of(model: str) -> ModelAccess:
    """What a run of a profile with this ``model`` is given. Raises CannotRun."""
    problem = problem_of(model)
    provider, name = provider_named(model)
    if problem or provider is None:
        raise CannotRun(f"The profile's model “{model}” cannot be asked. {problem}")
    try:
        key = str(provider.key)
    except WrongKey:
        words = f"The key of “{provider.name}” cannot be read: put its own key back into DCT_ENCRYPTION_KEYS."
        raise CannotRun(words) from None
    return ModelAccess(provider.name, provider.api, provider.base_url, name, key)


def _key(values: dict[str, Any]) -> str | None:
    key: Any = values.pop("key", None)
    if key is None:
        return None
    if not isinstance(key, str) or len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise BadValues({"key": f"A key is one line of at most {LONGEST_KEY:,} letters, digits and signs."})
    return key.strip()


def _stored(provider: ModelProvider) -> str:
    """Something where there is a key: whether it opens does not matter for the rules."""
    return "stored" if has_key(provider) else ""


def _told(key: str | None) -> dict[str, bool]:
    return {} if key is None else {"hidden_value_written": bool(key)}


def _set(provider: ModelProvider, values: dict[str, Any], *, key: str) -> None:
    unknown = [field for field in values if field not in EDITABLE]
    if unknown:
        raise BadValues(dict.fromkeys(unknown, "There is no such field."))
    for field, value in values.items():
        setattr(provider, field, value)
    problems = _problems(provider, key)
    if problems:
        raise BadValues(problems)


def _problems(provider: ModelProvider, key: str) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not _NAME.fullmatch(provider.name):
        problems["name"] = "A name of 1 to 40 small letters, digits, - and _, a letter first."
    elif provider._state.adding and ModelProvider.objects.filter(name=provider.name).exists():
        problems["name"] = "Another provider has this name."
    if provider.api not in ModelApi.values:
        problems["api"] = f"There is no such API; there are {', '.join(ModelApi.values)}."
    if len(provider.description) > LONGEST_DESCRIPTION:
        problems["description"] = f"At most {LONGEST_DESCRIPTION:,} characters."
    address = _address_problem(provider.base_url, key)
    if address:
        problems["base_url"] = address
    elif not provider.base_url and not key and provider.is_enabled:
        problems["key"] = "The maker's own address asks for a key."
    return problems


def _address_problem(url: str, key: str) -> str:
    if not url:
        return ""
    is_plain_url = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST_URL
    try:
        parts = urlsplit(url if is_plain_url else "")
        is_whole = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        return _NO_ADDRESS
    if not is_whole or parts.scheme not in ("http", "https") or "\\" in url:
        return _NO_ADDRESS
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "The address has neither a user name nor anything behind ? or #; the key has a field of its own."
    if parts.scheme == "http" and key and not _is_here(parts.hostname or ""):
        return "A key is not sent in the clear: use https, or an address of this machine."
    return ""


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
