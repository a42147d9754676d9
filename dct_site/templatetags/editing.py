"""Stored conditions made ready to edit: groups, and leaves whose fields come from the schema beside each leaf."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Shown = dict[str, Any]

GROUPS = ("all", "any", "none")
# What a line of a leaf has behind the leaf's own pointer.
_KEY = re.compile(r"/config/[^/]+$")

# The details that a leaf is mostly used with; the other shared ones wait in a fold. A leaf's own fields always show.
SHARED = frozenset(
    {
        "search_string",
        "case_sensitive",
        "from_status",
        "to_status",
        "new_assignee",
        "min_length",
        "from_user",
        "contains_keywords",
    }
)
MOSTLY: Mapping[str, frozenset[str]] = {
    "status_change": frozenset({"from_status", "to_status"}),
    "assignee_change": frozenset({"new_assignee"}),
    "string_match": frozenset({"search_string", "case_sensitive"}),
    "new_comment": frozenset({"from_user", "contains_keywords"}),
    "new_message": frozenset({"from_user", "contains_keywords"}),
    "thread_reply": frozenset({"from_user", "contains_keywords"}),
}


def _field_kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "select"
    named = schema.get("type")
    types = {named} if isinstance(named, str) else set(named or ())
    for type_, kind in (
        ("object", "tree"),
        ("boolean", "bool"),
        ("integer", "number"),
        ("array", "list"),
        ("string", "text"),
    ):
        if type_ in types:
            return kind
    return "json"


def _as_text(kind: str, value: object) -> str:
    """The value as js/conditions.js reads it back: plain words where they come back the same, else JSON."""
    if value is None:
        return ""
    if kind == "list" and isinstance(value, list) and _reads_as_words(value):
        return ", ".join(value)
    is_plain = isinstance(value, str) and (kind != "json" or not (_is_blank(value) or _reads_as_json(value)))
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)


def _reads_as_words(pieces: list[Any]) -> bool:
    """Whether the pieces, with commas between them, come apart again where they were put together."""
    sound = (isinstance(one, str) and one.strip() == one and one and "," not in one for one in pieces)
    return all(sound) and not (pieces and pieces[0].startswith("["))


def _is_blank(text: str) -> bool:
    return not text.strip()


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fields(leaf: Mapping[str, Any], config: Mapping[str, Any], catalogue: Sequence[Mapping[str, Any]]) -> list[Shown]:
    schema = leaf["schema"]
    fields = []
    for key, below in schema["properties"].items():
        kind, value = _field_kind(below), config.get(key)
        is_tree = kind == "tree"
        fields.append(
            {
                "key": key,
                "label": below.get("title", key),
                "kind": kind,
                "value": "" if is_tree else _as_text(kind, value),
                "root": editable_tree(value, catalogue) if is_tree else None,
                "checked": value is True,
                "options": _options(below, value),
                "example": (below.get("examples") or [""])[0],
                "hint": below.get("description", ""),
                "usual": below.get("default", ""),
                "is_path": below.get("format") == "path",
                "required": key in schema.get("required", ()),
                "is_main": key not in SHARED
                or key in MOSTLY.get(leaf["type"], ())
                or value not in (None, "", [], False),
            }
        )
    return fields


def _options(schema: Mapping[str, Any], value: object) -> tuple[Any, ...]:
    """What is stored is among them, be it wrong: a choice that is not there would be read back as another one."""
    known = tuple(schema.get("enum", ()))
    return known if value in (None, *known) or not known else (*known, value)


def editable_leaf(
    leaf: Mapping[str, Any], config: Mapping[str, Any], catalogue: Sequence[Mapping[str, Any]] = ()
) -> Shown:
    """One leaf of the catalogue (``type, version, title, about, schema, consults_events``) with its fields filled from
    ``config``. A tree inside it is drawn with the rest of the ``catalogue``.
    """
    fields = _fields(leaf, config, catalogue)
    return {
        "is_group": False,
        "type": leaf["type"],
        "version": leaf["version"],
        "title": leaf["title"],
        "about": leaf.get("about", ""),
        "consults_events": leaf.get("consults_events", False),
        "main": [field for field in fields if field["is_main"]],
        "more": [field for field in fields if not field["is_main"]],
    }


def _unknown_leaf(node: Mapping[str, Any]) -> Shown:
    """A leaf that this installation does not know: kept as it is, so that saving does not lose it."""
    return {
        "is_group": False,
        "type": str(node.get("type", "?")),
        "version": node.get("version", 1),
        "title": f"{node.get('type', '?')} (unknown here)",
        "kept": json.dumps(node.get("config", {}), ensure_ascii=False),
        "main": [],
        "more": [],
    }


def editable_tree(conditions: Any, catalogue: Sequence[Mapping[str, Any]]) -> Shown:
    """The whole tree as the editor draws it; its root is always a group, a plain list is read as ANY."""
    known = {(leaf["type"], leaf["version"]): leaf for leaf in catalogue}

    def walk(node: Any) -> Shown:
        kind = next((group for group in GROUPS if isinstance(node, Mapping) and group in node), None)
        if kind is not None:
            children = node[kind] if isinstance(node[kind], list) else []
            kept = [child for child in children if isinstance(child, Mapping)]
            return {"is_group": True, "kind": kind, "children": [walk(child) for child in kept]}
        name, version, config = node.get("type"), node.get("version", 1), node.get("config") or {}
        is_sound = isinstance(name, str) and isinstance(version, int) and isinstance(config, Mapping)
        leaf = known.get((name, version)) if is_sound else None
        return editable_leaf(leaf, config, catalogue) if leaf else _unknown_leaf(node)

    if isinstance(conditions, list):
        conditions = {"any": conditions}
    # A draft may hold anything that is JSON; what is no condition has no row to be drawn in.
    root = walk(conditions if conditions and isinstance(conditions, Mapping) else {"all": []})
    return root if root["is_group"] else {"is_group": True, "kind": "all", "children": [root]}


def marks(node: Mapping[str, Any] | None) -> dict[str, Shown]:
    """What a sample said about each part, by its JSON pointer into the tree, for the editor's marks."""
    found: dict[str, Shown] = {}

    def walk(part: Mapping[str, Any]) -> None:
        # A leaf that asks several things is a group whose lines share its pointer; the group's verdict stands. What
        # stands at a place of its own is a tree inside a leaf.
        said = {"holds": part["holds"], "actual": part.get("actual", ""), "note": part.get("note", "")}
        found.setdefault(_KEY.sub("", part["path"]), said)
        if part.get("children"):
            found.setdefault(part["path"], said)
        for child in part.get("children") or ():
            walk(child)

    if node:
        walk(node)
    return found
