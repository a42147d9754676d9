"""What comes in: serializers that refuse what they do not know, instead of dropping it."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

OBJECT_BYTES = 256 * 1024


class Input(serializers.Serializer[Any]):
    """The body of a call. A field that does not exist is a 400: a misspelt name must not pass for a change."""

    def to_internal_value(self, data: Any) -> Any:
        """The checked values; raises ValidationError by field."""
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown = [str(name)[:60] for name in data if name not in known] if isinstance(data, Mapping) else []
        if unknown:
            words = f"does not exist here; there are {', '.join(sorted(known)) or 'no fields'}."
            raise serializers.ValidationError({name: f"{name} {words}" for name in unknown}, code="unknown_field")
        return super().to_internal_value(data)


class ObjectField(serializers.JSONField):
    """A JSON object."""

    default_error_messages = {"not_an_object": "This must be an object of names and values."}

    def to_internal_value(self, data: Any) -> Any:
        """The object; anything else is refused."""
        if not isinstance(data, dict):
            self.fail("not_an_object")
        return super().to_internal_value(data)


class LineField(serializers.CharField):
    """One line of text. Numbers and booleans are refused where DRF would turn them into text."""

    def to_internal_value(self, data: Any) -> str:
        """The text, stripped."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class WordField(serializers.ChoiceField):
    """One of some words; whoever writes another one is told which there are."""

    def __init__(self, choices: Any, **options: Any) -> None:
        super().__init__(choices, **options)
        self.error_messages["invalid_choice"] = f'"{{input}}" is not one of {", ".join(map(str, self.choices))}.'


class WholeField(serializers.IntegerField):
    """A whole number; not a text, a boolean or a fraction that looks like one."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if type(data) is not int:
            self.fail("invalid")
        return int(super().to_internal_value(data))


class IdField(WholeField):
    """The id of a row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": 2**63 - 1, **options})
