"""What the API says of how an event and the agents at work met."""

from typing import Any

from rest_framework import serializers

from agents.enums import Criterion, Strategy


class LookSerializer(serializers.Serializer[Any]):
    """An agent at work that was compared; ``why_not`` is empty where it matches."""

    agent = serializers.IntegerField()
    workspace = serializers.IntegerField()
    why_not = serializers.CharField()


class FellBackSerializer(serializers.Serializer[Any]):
    """The agent that ended before it was done with the news, and when that was seen."""

    agent = serializers.IntegerField()
    at = serializers.DateTimeField()


class MatchingSerializer(serializers.Serializer[Any]):
    """Which agents at work were looked at before anything was made, and what came of it."""

    strategy = serializers.ChoiceField(choices=Strategy.choices)
    match_on = serializers.ListField(child=serializers.ChoiceField(choices=Criterion.choices))
    agent = serializers.IntegerField(allow_null=True, help_text="The one that matched.")
    looked_at = LookSerializer(many=True, help_text="The newest first, twenty at most.")
    outcome = serializers.CharField()
    fell_back = FellBackSerializer(required=False)
    at = serializers.DateTimeField()
