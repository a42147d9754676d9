"""JSON Schema for what agents deliver: a part of draft 2020-12 that costs no more than the value is long.

No reference to anywhere, and every expression is RE2: the schema comes from a person, the value from an agent.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError, validators

from deliverables.rules.patterns import compile_pattern

MOST_PARTS = 200
MOST_BRANCHES = 20
MOST_VALUES = 50_000
TOLD = 5
_SCHEMAS = frozenset({"items", "additionalProperties", "not", "contains"})
_LISTS = frozenset({"anyOf", "allOf", "oneOf", "prefixItems"})
_PLAIN = frozenset(
    {"type", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "pattern"}
    | {"title", "description", "default", "examples", "$schema", "$comment"}
)


def problem_of_schema(schema: Any) -> str:
    """What is wrong with a schema, as a clause; empty for one that can be asked."""
    parts = branches = 0
    wanted = [schema]
    while wanted:
        one = wanted.pop()
        parts += 1
        if isinstance(one, bool):
            continue
        if not isinstance(one, dict):
            return "is no object"
        branches += sum(len(one.get(name) or ()) for name in ("anyOf", "oneOf") if isinstance(one.get(name), list))
        if parts > MOST_PARTS or branches > MOST_BRANCHES:
            return f"has more than {MOST_PARTS} parts or {MOST_BRANCHES} alternatives"
        try:
            wanted += _below(one)
        except ValueError as wrong:
            return str(wrong)
    try:
        Draft202012Validator.check_schema(schema)
    except Exception as wrong:  # noqa: BLE001 - the library raises many kinds for what is no schema
        return f"is no JSON schema: {getattr(wrong, 'message', wrong)}"[:300]
    return ""


def _below(schema: Mapping[str, Any]) -> Iterator[Any]:
    for key, value in schema.items():
        if key == "pattern" and isinstance(value, str):
            compile_pattern(value)
        if key in _SCHEMAS:
            yield value
        elif key in _LISTS and isinstance(value, list):
            yield from value
        elif key == "properties" and isinstance(value, dict):
            yield from value.values()
        elif key not in _PLAIN:
            raise ValueError(f"says {key!r}, which is not taken here")


def misfits(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Where a value is not as the schema says, at most TOLD clauses."""
    if _is_large(value):
        return [f"it has more than {MOST_VALUES:,} values, and is held to its schema up to that"]
    found: list[str] = []
    for wrong in _Validator(schema).iter_errors(value):
        if len(found) == TOLD:
            return [*found, "and more"]
        found.append(f"{wrong.json_path} {_in_words(wrong)}")
    return found


def _is_large(value: Any) -> bool:
    wanted, count = [value], 0
    while wanted:
        one = wanted.pop()
        count += 1
        if count + len(wanted) > MOST_VALUES:
            return True
        if isinstance(one, dict):
            wanted += one.values()
        elif isinstance(one, list):
            wanted += one
    return False


def _in_words(wrong: ValidationError) -> str:
    rule, limit = str(wrong.validator), cast("Any", wrong.validator_value)
    if rule == "required":
        there = cast("dict[str, Any]", wrong.instance)
        return f"lacks {', '.join(name for name in limit if name not in there)}"[:200]
    if rule == "type":
        return f"must be {limit if isinstance(limit, str) else ' or '.join(limit)}"
    return wrong.message.replace("\n", " ")[:200]


def _pattern(_: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compile_pattern(pattern).search(instance):
        yield ValidationError(f"does not match {pattern}")


_Validator: Any = cast("Any", validators).extend(Draft202012Validator, {"pattern": _pattern})
