"""Addresses in answers."""

from typing import Any

from django.conf import settings


def public_url(request: Any, path: str) -> str:
    """``path`` under the address by which DCT is known outside, or by which the caller reached it."""
    if settings.DCT_PUBLIC_URL:
        return f"{settings.DCT_PUBLIC_URL}{path}"
    return str(request.build_absolute_uri(path)) if request is not None else path
