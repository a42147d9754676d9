"""Figures of a trigger, and of how the slots were used, in JSON."""

from typing import Any

from rest_framework import serializers

from triggers.enums import Window


class WindowInput(serializers.Serializer[Any]):
    """How far back."""

    window = serializers.ChoiceField(choices=Window.choices)


class LegFiguresSerializer(serializers.Serializer[Any]):
    """One leg of the way; times are null where no execution has been through it."""

    name = serializers.CharField()
    count = serializers.IntegerField()
    mean_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)


class MetricsSerializer(serializers.Serializer[Any]):
    """Figures over a window. Rates are of what succeeded, failed or ran out of time; ``legs`` are of the newest
    ``sampled`` executions that ended in it.
    """

    window = serializers.ChoiceField(choices=Window.choices)
    since = serializers.DateTimeField()
    ended = serializers.DictField(child=serializers.IntegerField(), help_text="How many ended how.")
    success_rate = serializers.FloatField(allow_null=True)
    failure_rate = serializers.FloatField(allow_null=True)
    failures = serializers.DictField(child=serializers.IntegerField(), help_text="Where they failed.")
    suppressed = serializers.DictField(child=serializers.IntegerField(), help_text="Matches that did not fire, by why.")
    legs = LegFiguresSerializer(many=True)
    sampled = serializers.IntegerField()


class PartSerializer(serializers.Serializer[Any]):
    """Slots in use on average, from ``at`` on; null where that is not known any more."""

    at = serializers.DateTimeField()
    used = serializers.FloatField(allow_null=True)


class UtilisationSerializer(serializers.Serializer[Any]):
    """The agents' slots over the last six hours, in parts of ten minutes; ``limit`` is the one of now."""

    limit = serializers.IntegerField()
    parts = PartSerializer(many=True)
