"""The template tags of the interface; each draws one small thing the same way on every page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField
from django.forms.widgets import CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from dct_site.kernel.clock import utcnow
from dct_site.kernel.statuswords import source_icon_name, status_word
from dct_site.templatetags.editing import editable_leaf, editable_tree, marks
from dct_site.templatetags.pretty import pretty_html
from dct_site.templatetags.spans import ago_words, bytes_words, duration_words
from dct_site.templatetags.trails import ICONS, SMALL_CLASS, TONES, leg_span, spoken_trail
from dct_site.templatetags.trees import Shown, shown_tree, shown_values
from triggers.selectors.trail import LegState

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """A decorative icon from the sprite; its meaning must stand beside it as a word or a label."""
    return format_html(
        '<svg class="icon{}" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><use href="{}#i-{}"></use></svg>',
        f" {css}" if css else "",
        static("dct/icons.svg"),
        name,
    )


@register.simple_tag
def status(kind: str, value: str, look: str = "", word: str = "") -> SafeString:
    """A status in its tone, icon and word. ``look``: "" in rows, "pill" or "pill-lg" for the subject of a page.

    ``word`` says more than the table does ("Succeeded in 48 s"); tone and icon stay the table's.
    """
    known = status_word(kind, value)
    css = {"": "st", "pill": "pill", "pill-lg": "pill pill-lg"}[look]
    drawn = icon(known.icon, "spin" if known.turns else "")
    return format_html('<span class="{} tone-{}">{}{}</span>', css, known.tone, drawn, word or known.word)


@register.simple_tag
def status_tone(kind: str, value: str) -> str:
    """The tone of a status, for a component that carries it (``answer``, ``trig``)."""
    return str(status_word(kind, value).tone)


@register.simple_tag
def status_icon(kind: str, value: str) -> SafeString:
    """Only the icon of a status, for a component that says the word itself."""
    return icon(status_word(kind, value).icon)


@register.simple_tag
def status_text(kind: str, value: str) -> str:
    """Only the word of a status."""
    return status_word(kind, value).word


@register.simple_tag
def source_icon(source: str) -> SafeString:
    """The icon of a source id (``github``, ``email``)."""
    return icon(source_icon_name(source))


@register.simple_tag
def prio(value: int) -> SafeString:
    """A priority of 1 to 10 as four rising bars and the number."""
    bars = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="2.6" height="{}" rx=".6"/>',
        (("on" if value > (0, 2, 5, 7)[i] else "of", round(i * 3.6, 1), 9 - 3 * i, 3 + 3 * i) for i in range(4)),
    )
    return format_html(
        '<span class="prio" title="Priority {} of 10"><svg viewBox="0 0 14 12" aria-hidden="true">{}</svg>'
        '<span class="visually-hidden">Priority </span>{}</span>',
        value,
        bars,
        value,
    )


@register.simple_tag
def duration(ms: float | None) -> str:
    """Milliseconds in words; ``None`` is "not yet"."""
    return "not yet" if ms is None else duration_words(ms)


@register.simple_tag(takes_context=True)
def ago(context: Mapping[str, Any], moment: datetime | None, never: str = "never") -> SafeString | str:
    """A relative time that counts on by itself, the exact one with its zone on hover. Uses ``now`` of the context."""
    if moment is None:
        return never
    now = context.get("now") or utcnow()
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        ago_words(moment, now),
    )


@register.simple_tag
def at(moment: datetime | None) -> SafeString | str:
    """The time of day to a tenth of a second, the whole of it on hover."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        f"{local:%H:%M:%S}.{local.microsecond // 100000}",
    )


@register.simple_tag(takes_context=True)
def clock(context: Mapping[str, Any], moment: datetime | None) -> SafeString | str:
    """Since or until when: the hour and minute today, the date before that, all of it on hover."""
    if moment is None:
        return ""
    local, today = timezone.localtime(moment), timezone.localtime(context.get("now") or utcnow()).date()
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}",
    )


@register.simple_tag(name="bytes")
def byte_size(count: int | None) -> str:
    """A size in bytes, in words; ``None`` is "unknown size"."""
    return "unknown size" if count is None else bytes_words(count)


@register.filter
def pct(value: float, total: float) -> int:
    """A share as a step of five for ``data-pct``; geometry comes in classes because inline styles are forbidden."""
    return 0 if not total else max(0, min(100, round(100 * value / total / 5) * 5))


@register.inclusion_tag("components/trail.html")
def trail(legs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The large trail. A leg: ``name, state, ms, note, href``; ``state`` is a value of ``LegState``."""
    shown = [
        {
            "name": leg["name"],
            "tone": TONES[leg["state"]],
            "icon": ICONS[leg["state"]],
            "turns": leg["state"] == LegState.LIVE,
            "span": leg_span(leg.get("ms")),
            "ms": leg.get("ms"),
            "note": leg.get("note") or "",
            "href": leg.get("href") or "",
        }
        for leg in legs
    ]
    return {"legs": shown}


@register.simple_tag
def trail_mini(legs: Sequence[Mapping[str, Any]]) -> SafeString:
    """The small trail on cards and rows, with a spoken label; draws nothing without legs."""
    if not legs:
        return SafeString("")
    parts = []
    for position, leg in enumerate(legs):
        left = position * 10.5
        css = SMALL_CLASS[leg["state"]]
        if leg["state"] == LegState.PERSON:
            parts.append(format_html('<path class="{}" d="M{} 1 l5 12 h-10 z"/>', css, round(left + 4.25, 2)))
            continue
        x, y, width, height, round_by = {
            LegState.DONE: (left, 4, 8.5, 6, 1.5),
            LegState.TODO: (left + 0.5, 5.5, 7.5, 3, 1.5),
        }.get(leg["state"], (left, 1, 8.5, 12, 2))
        parts.append(
            format_html(
                '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="{}"/>', css, x, y, width, height, round_by
            )
        )
    return format_html(
        '<svg class="trail-mini" viewBox="0 0 62 14" role="img" aria-label="{}">{}</svg>',
        spoken_trail(legs),
        format_html_join("", "{}", ((part,) for part in parts)),
    )


@register.inclusion_tag("components/tree.html")
def tree(node: Mapping[str, Any] | None) -> dict[str, Shown | None]:
    """A reason tree with Expected and Actual; ``None`` draws nothing."""
    return {"node": shown_tree(node) if node else None}


@register.inclusion_tag("components/reason_list.html")
def reason_list(node: Mapping[str, Any] | None) -> dict[str, Any]:
    """The short form of a reason tree: the group, then each direct part with what was found."""
    return {"node": shown_tree(node) if node else None}


@register.filter
def values(value: object) -> list[str]:
    """The pieces of any JSON value, ready to be set in mono one by one."""
    return shown_values(value)


@register.simple_tag
def pretty_json(value: object, hits: Sequence[str] = ()) -> SafeString:
    """A JSON value indented and coloured, the lines of dotted paths in ``hits`` marked."""
    return pretty_html(value, frozenset(hits))


@register.inclusion_tag("components/conditions.html")
def condition_editor(conditions: Any, catalogue: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The editor of a condition tree; ``catalogue`` is that of ``triggers.conditions.schema``."""
    patterns = [editable_leaf(leaf, {}, catalogue) for leaf in sorted(catalogue, key=lambda leaf: str(leaf["title"]))]
    return {"root": editable_tree(conditions, catalogue), "patterns": patterns, "conditions": conditions}


@register.filter
def sample_marks(node: Mapping[str, Any] | None) -> dict[str, Shown]:
    """What a sample's reason tree says about each part of the conditions, for ``json_script``."""
    return marks(node)


@register.filter
def control(field: BoundField) -> SafeString:
    """A form field's widget with the classes of the design and its state for screen readers."""
    widget = field.field.widget
    if isinstance(widget, CheckboxInput | RadioSelect):
        css = "form-check-input"
    else:
        css = "form-select" if isinstance(widget, Select) else "form-control"
    classes = [css, widget.attrs.get("class", ""), "is-invalid" if field.errors else ""]
    attrs: dict[str, Any] = {"class": " ".join(filter(None, classes))}
    described = [
        f"{field.auto_id}_{part}" for part, there in (("helptext", field.help_text), ("error", field.errors)) if there
    ]
    if described:
        attrs["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attrs)


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether a field is a single box to tick, whose label stands behind it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def is_select(field: BoundField) -> bool:
    """Whether a field is a list to choose from: one of its entries says what leaving it comes to."""
    return isinstance(field.field.widget, Select)


@register.filter
def is_choices(field: BoundField) -> bool:
    """Whether a field is several boxes to tick, each with a label of its own."""
    return isinstance(field.field.widget, CheckboxSelectMultiple)
