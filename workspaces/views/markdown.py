"""Markdown that an agent wrote, as a page shows it: words, lists, tables, code; never markup or pictures of its own,
and links only to http, https and mailto (threat T11).
"""

from collections.abc import MutableMapping, Sequence
from typing import Any

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LONGEST = 32 * 1024
"""Characters. Rendering is work of the processor in the web process; what is longer is shown as text."""
OUTSIDE = ("https://", "http://", "mailto:")
# The page's own headings are h1 and h2; those of the file lie below them.
_BELOW = 2


def render(text: str) -> SafeString | None:
    """HTML of ``text``; None where it is too long to be rendered here."""
    if len(text) > LONGEST:
        return None
    tokens = _reader.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, int(token.tag[1:]) + _BELOW)}"
    # The reader escapes all text and knows no HTML; nothing else makes markup.
    return SafeString(_reader.renderer.render(tokens, _reader.options, {}))


def _is_outside(url: str) -> bool:
    return url.lower().startswith(OUTSIDE)


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """A link tells nobody where it was clicked, and hands over no window."""
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, env)


def _made() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    reader.validateLink = _is_outside  # type: ignore[method-assign]
    reader.add_render_rule("link_open", _link)
    return reader


_reader = _made()
