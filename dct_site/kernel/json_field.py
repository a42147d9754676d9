"""A form field for JSON that a person writes: read by the rules of every door, shown with a line for each key."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from dct_site.kernel import safe_json
from dct_site.kernel.safe_json import UnsafeJson

MAX_BYTES = 512 * 1024
ROWS = 16


class _Indented(json.JSONEncoder):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "indent": 2})


class JsonField(forms.JSONField):
    """What Django's own field would fail at (a thousand brackets, half a surrogate pair) is refused in words, and what
    is no JSON says where.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "encoder": options.get("encoder") or _Indented})
        attrs = self.widget.attrs
        # The fixed font is called `mono` on the pages and `font-mono` in the admin.
        attrs |= {"rows": ROWS, "spellcheck": "false", "class": f"{attrs.get('class', '')} mono font-mono".strip()}

    def to_python(self, value: Any) -> Any:
        """The value behind a text; None for an empty one. Raises ValidationError."""
        if self.disabled or not isinstance(value, str):
            return value
        if value in self.empty_values:
            return None
        try:
            return _read(value)
        except UnsafeJson as unsafe:
            raise ValidationError(unsafe.about("This"), code=unsafe.reason) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What is drawn again: the value, or the text as it was written where it cannot be read."""
        if self.disabled:
            return initial
        if data is None:
            return None
        try:
            return _read(data)
        except UnsafeJson:
            return InvalidJSONInput(data)


def _read(text: str) -> Any:
    return safe_json.loads(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_BYTES)
