"""JSON drawn for reading: indented, keys and values coloured, deciding lines marked, everything escaped."""

import json
from collections.abc import Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

INDENT = "  "


def _scalar(value: object) -> SafeString:
    if isinstance(value, str):
        return format_html('<span class="s">{}</span>', json.dumps(value, ensure_ascii=False))
    return format_html('<span class="n">{}</span>', json.dumps(value, ensure_ascii=False, default=str))


def _lines(
    value: object, path: str, indent: int, lead: SafeString, tail: str, hits: frozenset[str]
) -> Iterator[SafeString]:
    pad = INDENT * indent
    if isinstance(value, dict | list) and value:
        opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
        yield format_html("{}{}{}", pad, lead, opening)
        pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
        for position, (key, below) in enumerate(pairs):
            named = format_html('<span class="k">{}</span>: ', json.dumps(str(key), ensure_ascii=False))
            yield from _lines(
                below,
                f"{path}.{key}" if path else str(key),
                indent + 1,
                named if isinstance(value, dict) else SafeString(""),
                "," if position + 1 < len(pairs) else "",
                hits,
            )
        yield format_html("{}{}{}", pad, closing, tail)
        return
    line = format_html("{}{}", lead, _scalar(value))
    yield format_html('{}<span class="hit">{}</span>{}' if path in hits else "{}{}{}", pad, line, tail)


def pretty_html(value: object, hits: frozenset[str] = frozenset()) -> SafeString:
    """``value`` (anything JSON can say, depth as the door allows) as lines for a ``pre``."""
    return format_html_join("\n", "{}", ((line,) for line in _lines(value, "", 0, SafeString(""), "", hits)))
