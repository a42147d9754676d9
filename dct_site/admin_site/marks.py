"""The product's mark, for the theme's settings."""

from django.http import HttpRequest
from django.templatetags.static import static


def logo(_request: HttpRequest) -> str:
    """The address of the mark."""
    return static("dct/logo.svg")
