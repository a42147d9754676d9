"""Addresses as they are known outside."""

from django.conf import settings
from django.http import HttpRequest


def public_url(request: HttpRequest, path: str) -> str:
    """``path`` under the address by which DCT is known outside, or by which the person reached it."""
    return f"{settings.DCT_PUBLIC_URL}{path}" if settings.DCT_PUBLIC_URL else request.build_absolute_uri(path)
