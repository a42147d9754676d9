"""Editing what a replay says: which parts may differ, what shape they have, and which paths were changed."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dct_site.kernel import safe_json
from triggers.conditions.schema import Problem
from triggers.models import Event

EDITABLE = ("subject", "facts", "data", "changes")
"""What of an event may be edited. Not who acted, nor its trust: nobody speaks for another."""
MAX_BYTES = 256 * 1024
MOST_PATHS = 50
_LONGEST_PATH = 200
_LONGEST_SUBJECT = 500


class InvalidEdit(Exception):
    """The edited parts cannot be those of an event; ``problems`` lists every reason with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


def parts_of(event: Event) -> dict[str, Any]:
    """What of an event may be edited, as it is."""
    return {name: getattr(event, name) for name in EDITABLE}


def read_edit(text: str) -> Mapping[str, Any]:
    """The edited parts as somebody typed them: one JSON object, as safe as the door asks for. Raises InvalidEdit."""
    try:
        found = safe_json.loads(text.encode("utf-8", "surrogatepass"), max_bytes=MAX_BYTES)
    except safe_json.UnsafeJson as unsafe:
        raise InvalidEdit([Problem("edit", unsafe.reason.value, unsafe.message)]) from None
    if not isinstance(found, dict):
        raise InvalidEdit([Problem("edit", "not_an_object", "Write one JSON object with the parts to change.")])
    return found


def checked(edit: Mapping[str, Any]) -> dict[str, Any]:
    """The edit, held to the door's rules for JSON and to an event's shape, whichever way it came. Raises
    InvalidEdit.
    """
    found = read_edit(json.dumps(edit))
    if problems := list(_problems(found)):
        raise InvalidEdit(problems)
    return dict(found)


def changed_paths(event: Event, edit: Mapping[str, Any]) -> list[str]:
    """The dotted paths at which an edit differs from the event, at most MOST_PATHS; never what they hold."""
    found = (path for name in EDITABLE if name in edit for path in _differing(name, getattr(event, name), edit[name]))
    return sorted({path[:_LONGEST_PATH] for path, _ in zip(found, range(MOST_PATHS), strict=False)})


def _differing(path: str, before: Any, after: Any) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            if key not in before or key not in after:
                yield f"{path}.{key}"
            else:
                yield from _differing(f"{path}.{key}", before[key], after[key])
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path


def _problems(edit: Mapping[str, Any]) -> Iterator[Problem]:
    for name in edit:
        if name not in EDITABLE:
            yield Problem(f"edit.{name[:100]}", "not_editable", f"Only {', '.join(EDITABLE)} may be edited.")
    subject = edit.get("subject", "")
    if not isinstance(subject, str) or len(subject) > _LONGEST_SUBJECT:
        yield Problem("edit.subject", "not_a_line", f"The subject is a text of at most {_LONGEST_SUBJECT} characters.")
    for name in ("facts", "data", "changes"):
        if not isinstance(edit.get(name, {}), dict):
            yield Problem(f"edit.{name}", "not_an_object", f"What stands in {name} is a JSON object.")
    yield from _fact_problems(edit.get("facts", {}))
    yield from _change_problems(edit.get("changes", {}))


def _fact_problems(facts: Any) -> Iterator[Problem]:
    if not isinstance(facts, dict):
        return
    for name in ("title", "text"):
        if not isinstance(facts.get(name, ""), str):
            yield Problem(f"edit.facts.{name}", "not_a_text", f"The {name} is a text.")
    for name in ("kinds", "mentions"):
        listed = facts.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            yield Problem(f"edit.facts.{name}", "not_texts", f"The {name} are a list of texts.")
    if not isinstance(facts.get("is_reply", False), bool):
        yield Problem("edit.facts.is_reply", "not_a_boolean", "Whether it is a reply is true or false.")


def _change_problems(changes: Any) -> Iterator[Problem]:
    for path, pair in changes.items() if isinstance(changes, dict) else ():
        if not isinstance(pair, list) or len(pair) != 2:
            yield Problem(f"edit.changes.{path[:100]}", "not_a_pair", "A change is a list of two: before and after.")
