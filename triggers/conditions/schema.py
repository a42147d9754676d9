"""What may be stored as conditions: shape, limits and every leaf's own schema, refused in the same words everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from jsonschema import ValidationError

from triggers.conditions.leaves import LEAVES
from triggers.conditions.registry import Leaf
from triggers.conditions.tree import GROUPS, LEAF_KEYS, MAX_DEPTH, MAX_LEAVES, MAX_STRING, group_kind, trees_in
from triggers.conditions.tree import normalise as normalise  # Callers store what they validated.
from triggers.conditions.verdict import shown


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a tree. `path` is like `conditions.all[1].config.min_length`; `message` is one sentence."""

    path: str
    code: str
    message: str


def validate(tree: Any, *, root: str = "conditions") -> list[Problem]:
    """All that is wrong with the conditions as somebody wrote them; an empty list means that they may be stored."""
    walk = _Walk()
    if isinstance(tree, list):
        walk.children(tree, root, depth=1)
    else:
        walk.node(tree, root, depth=1)
    if walk.leaves > MAX_LEAVES:
        message = f"There are {walk.leaves} conditions; at most {MAX_LEAVES} are allowed."
        walk.problems.append(Problem(root, "too_many", message))
    return walk.problems


def catalogue() -> list[dict[str, Any]]:
    """Every condition type for editors: type, version, title, when it holds, JSON schema of its config, and whether it
    looks at other events: then it cannot stand in a tree inside another one.
    """
    return [
        {
            "type": leaf.type,
            "version": leaf.version,
            "title": leaf.title,
            "about": leaf.about,
            "schema": leaf.schema,
            "consults_events": leaf.consults_events,
        }
        for leaf in sorted(LEAVES, key=lambda leaf: (leaf.type, leaf.version))
    ]


class _Walk:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.leaves = 0
        self._inside = False
        """Whether it walks through a tree inside a leaf."""

    def node(self, node: Any, path: str, *, depth: int) -> None:
        kind = group_kind(node)
        if depth > MAX_DEPTH:
            self._add(path, "too_deep", f"{path} is nested deeper than {MAX_DEPTH} groups.")
        elif kind is not None:
            self.children(node[kind.value], f"{path}.{kind.value}", depth=depth)
        elif isinstance(node, Mapping) and "type" in node:
            self._leaf(node, path, depth)
        else:
            self._add(path, "wrong_shape", _shape_words(node, path))

    def children(self, children: list[Any], path: str, *, depth: int) -> None:
        if not children:
            # An empty trigger would match everything.
            self._add(path, "empty", f"{path} is empty; add at least one condition.")
        for at, child in enumerate(children[: MAX_LEAVES + 1]):
            self.node(child, f"{path}[{at}]", depth=depth + 1)
        self.leaves += max(0, len(children) - MAX_LEAVES - 1)

    def _leaf(self, node: Mapping[str, Any], path: str, depth: int) -> None:
        self.leaves += 1
        for key in node:
            if key not in LEAF_KEYS:
                words = f"{path} has a key {shown(key)}; a condition has type, version and config."
                self._add(f"{path}.{shown(key)}", "unknown_key", words)
        leaf = LEAVES.find(node["type"], node.get("version", 1))
        if leaf is None:
            self._add(*_unknown_leaf(node, path))
        else:
            self._config(leaf, node.get("config", {}), f"{path}.config", depth)

    def _config(self, leaf: Leaf, config: Any, path: str, depth: int) -> None:
        trees = {key: config[key] for key in trees_in({"type": leaf.type, "version": leaf.version, "config": config})}
        if self._inside and leaf.consults_events:
            # It would look at the events before one that was itself only looked at.
            where = path.removesuffix(".config")
            words = f"{where} looks at other events, and so does the condition that it is part of; take it out."
            self._add(where, "nested_history", words)
            return
        known = len(self.problems)
        self._inside = self._inside or bool(trees)
        for key, tree in trees.items():
            if isinstance(tree, list):
                self.children(tree, f"{path}.{key}", depth=depth + 1)
            elif isinstance(tree, Mapping):
                self.node(tree, f"{path}.{key}", depth=depth + 1)
        self._inside = self._inside and not trees
        if len(self.problems) == known:
            self.problems += _config_problems(leaf, config, path)

    def _add(self, path: str, code: str, message: str) -> None:
        self.problems.append(Problem(path, code, message))


def _shape_words(node: Any, path: str) -> str:
    groups = ", ".join(group.value for group in GROUPS)
    if isinstance(node, Mapping) and any(key in GROUPS for key in node):
        return f"{path} must hold exactly one of {groups}, with a list of conditions."
    return f"{path} must be a condition with a type, or a group: one of {groups} with a list."


def _unknown_leaf(node: Mapping[str, Any], path: str) -> tuple[str, str, str]:
    type_ = node["type"]
    versions = LEAVES.versions(type_) if isinstance(type_, str) else ()
    if not versions:
        known = ", ".join(LEAVES.types())
        return (
            f"{path}.type",
            "unknown_type",
            f"{path}.type is {shown(type_)}, which does not exist; there are {known}.",
        )
    listed = ", ".join(str(version) for version in versions)
    words = f"{path}.version is {shown(node['version'])}, which {type_} does not have; it has {listed}."
    return f"{path}.version", "unknown_version", words


def _config_problems(leaf: Leaf, config: Any, path: str) -> list[Problem]:
    # Its trees were walked through.
    plain = (
        {key: one for key, one in config.items() if key not in leaf.trees} if isinstance(config, Mapping) else config
    )
    unstorable = [Problem(path + where, code, f"{path}{where} {words}") for where, code, words in _storable(plain)]
    if unstorable:
        return unstorable
    wrongs = sorted(leaf.validator.iter_errors(config), key=lambda wrong: [str(key) for key in wrong.absolute_path])
    problems = [problem for wrong in wrongs for problem in _schema_problems(wrong, leaf, path)]
    if problems:
        return problems
    return [
        Problem(f"{path}.{one.key}", one.code, f"{path}.{one.key} {one.message}") for one in leaf.complaints(config)
    ]


def _storable(value: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """What no config may hold, whatever its leaf: PostgreSQL's jsonb refuses NUL, half characters and infinities."""
    if isinstance(value, str):
        yield from ((where, code, words) for code, words in _text_wrongs(value))
    elif isinstance(value, float) and not math.isfinite(value):
        yield where, "not_finite", "is not a finite number."
    elif isinstance(value, int) and abs(value) >= 10**18:
        yield where, "too_large", "is a number of more than 18 digits."
    elif isinstance(value, Mapping | list) and depth >= 4:
        yield where, "too_deep", "is nested too deeply."
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from ((where, code, f"has a key that {words}") for code, words in _text_wrongs(str(key)))
            yield from _storable(child, where + _step(shown(key)), depth + 1)
    elif isinstance(value, list):
        for at, child in enumerate(value):
            yield from _storable(child, where + _step(at), depth + 1)


def _text_wrongs(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > MAX_STRING:
        yield "too_long", f"has {len(text)} characters; at most {MAX_STRING} are allowed."
    if "\x00" in text or not _is_unicode(text):
        yield "bad_text", "holds a NUL or half of a character."


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _step(key: str | int) -> str:
    return f"[{key}]" if isinstance(key, int) else f".{key}"


def _schema_problems(wrong: ValidationError, leaf: Leaf, path: str) -> Iterator[Problem]:
    where = path + "".join(_step(key) for key in wrong.absolute_path)
    rule, limit, value = str(wrong.validator), cast("Any", wrong.validator_value), cast("Any", wrong.instance)
    if rule == "additionalProperties":
        known = list(leaf.schema["properties"])
        for key in (key for key in value if key not in known):
            name = f"{where}.{shown(key)}"
            yield Problem(name, "unknown_key", f"{name} does not exist; {leaf.type} takes {', '.join(known)}.")
    elif rule == "required":
        missing = next(name for name in limit if f"'{name}'" in wrong.message)
        yield Problem(f"{where}.{missing}", "required", f"{where}.{missing} is required.")
    elif rule == "type":
        wanted = limit if isinstance(limit, str) else limit[0]
        yield Problem(where, "wrong_type", f"{where} must be {_TYPE_WORDS[wanted]}.")
    elif rule == "enum":
        yield Problem(where, "not_one_of", f"{where} must be one of {', '.join(limit)}.")
    else:
        yield Problem(where, "out_of_range", f"{where} {_LIMIT_WORDS[rule]} {limit}.")


_TYPE_WORDS = {
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "array": "a list",
    "object": "an object",
}

_LIMIT_WORDS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "minLength": "is too short; the fewest characters are",
    "maxLength": "is too long; the most characters are",
    "minItems": "has too few entries; the fewest are",
    "maxItems": "has too many entries; the most are",
}
