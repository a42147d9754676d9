"""What values that cannot stand are refused with."""

from collections.abc import Mapping


class InvalidValue(Exception):
    """``field`` names the value; the text says in one sentence what to do about it."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class BadValues(ValueError):
    """A row cannot be saved like this; ``problems`` maps every field that is wrong to a sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)
