"""How a trigger is shown and written: the document's parts by name, listeners read through to what they watch."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from dct_site.kernel.rest.inputs import IdField, Input, LineField, ObjectField, WholeField
from triggers.conditions.schema import Problem
from triggers.documents.shape import empty_document, shape_problems
from triggers.enums import ListenerStatus, ListenerType
from triggers.models import ContextListener, Trigger, TriggerRevision
from triggers.services.validation import InvalidDocument

PARTS = ("name", "priority", "listeners", "conditions", "workspace", "agent", "deliverables", "limits")
# A draft may be unfinished; what is there must still be what it says it is.
_UNFINISHED = frozenset({"required", "empty", "one_of", "missing"})


class HeardSerializer(serializers.Serializer[Any]):
    """What a trigger listens to. ``id`` and what is known of it are null until it is published, or where the caller
    may not see it.
    """

    id = serializers.IntegerField(allow_null=True)
    context_item_id = serializers.IntegerField(allow_null=True)
    connection_id = serializers.IntegerField(allow_null=True)
    listener_type = serializers.ChoiceField(choices=ListenerType.choices, allow_null=True)
    polling_interval_ms = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(choices=ListenerStatus.choices, allow_null=True)
    last_checked = serializers.DateTimeField(allow_null=True)
    last_known_state = serializers.DictField(allow_null=True)


class TriggerSerializer(serializers.ModelSerializer[Trigger]):
    """A trigger: its draft by parts, where it stands, and the revision that decides."""

    owner = serializers.CharField(source="owner.username")
    published_revision = serializers.IntegerField(source="published.number", default=None, allow_null=True)
    has_unpublished_changes = serializers.SerializerMethodField()
    listeners = serializers.SerializerMethodField()
    conditions = serializers.SerializerMethodField()
    workspace = serializers.SerializerMethodField()
    agent = serializers.SerializerMethodField()
    deliverables = serializers.SerializerMethodField()
    limits = serializers.SerializerMethodField()
    last_triggered = serializers.DateTimeField(source="last_fired_at", allow_null=True)
    execution_history = serializers.SerializerMethodField(help_text="Where its executions are listed.")

    class Meta:
        model = Trigger
        fields: tuple[str, ...] = (
            "id",
            "name",
            "status",
            "priority",
            "owner",
            "owner_id",
            "pause_reason",
            "paused_by",
            "paused_at",
            "published_revision",
            "has_unpublished_changes",
            "listeners",
            "conditions",
            "workspace",
            "agent",
            "deliverables",
            "limits",
            "last_triggered",
            "execution_history",
            "version",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def to_representation(self, row: Trigger) -> dict[str, Any]:
        """Name and priority as the draft has them, like every other part."""
        shown: dict[str, Any] = super().to_representation(row)
        return {**shown, **{name: row.draft[name] for name in ("name", "priority") if name in row.draft}}

    def get_has_unpublished_changes(self, row: Trigger) -> bool:
        return row.published is None or row.published.document != row.draft

    @extend_schema_field(HeardSerializer(many=True))
    def get_listeners(self, row: Trigger) -> list[dict[str, Any]]:
        known = {(one.item_id, one.connection_id): one for one in (link.listener for link in row.listening.all())}
        parts = row.draft.get("listeners")
        return [_heard(part, known) for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []

    @extend_schema_field(serializers.JSONField())
    def get_conditions(self, row: Trigger) -> Any:
        return row.draft.get("conditions", {})

    @extend_schema_field(serializers.DictField())
    def get_workspace(self, row: Trigger) -> Any:
        return row.draft.get("workspace", {})

    @extend_schema_field(serializers.DictField())
    def get_agent(self, row: Trigger) -> Any:
        return row.draft.get("agent", {})

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_deliverables(self, row: Trigger) -> Any:
        return row.draft.get("deliverables", [])

    @extend_schema_field(serializers.DictField())
    def get_limits(self, row: Trigger) -> Any:
        return row.draft.get("limits", {})

    def get_execution_history(self, row: Trigger) -> str:
        return f"/api/v1/executions/?trigger={row.pk}"


def _heard(part: Mapping[str, Any], known: Mapping[tuple[int | None, int], ContextListener]) -> dict[str, Any]:
    """A part of the draft, with what is known of the listener that it became."""
    item_id, connection_id = part.get("context_item_id"), part.get("connection_id")
    matching = (
        one
        for (item, connection), one in known.items()
        if (item == item_id if item_id is not None else item is None and connection == connection_id)
    )
    listener = next(matching, None)
    return {
        "id": listener.pk if listener else None,
        "context_item_id": item_id,
        "connection_id": connection_id,
        "listener_type": part.get("listener_type") or (listener.listener_type if listener else None),
        "polling_interval_ms": part.get("polling_interval_ms") or (listener.polling_interval_ms if listener else None),
        "status": listener.status if listener else None,
        "last_checked": listener.last_checked if listener else None,
        "last_known_state": listener.item.state if listener and listener.item else None,
    }


class TriggerInput(Input):
    """A trigger's document, by parts; see the schema of each under ``/api/schema/``. A draft may be unfinished."""

    name = LineField(max_length=200, required=False)
    priority = WholeField(min_value=1, max_value=10, required=False, help_text="8 to 10 take a right of their own.")
    listeners = serializers.ListField(child=ObjectField(), max_length=50, required=False)
    conditions = serializers.JSONField(required=False)
    workspace = ObjectField(required=False)
    agent = ObjectField(required=False)
    deliverables = serializers.ListField(child=ObjectField(), max_length=50, required=False)
    limits = ObjectField(required=False)


class RevisionSerializer(serializers.ModelSerializer[TriggerRevision]):
    """An immutable snapshot of a trigger's document."""

    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True)
    document = serializers.DictField()

    class Meta:
        model = TriggerRevision
        fields = ("id", "number", "document", "note", "created_by", "created_at")
        read_only_fields = fields


class DifferenceSerializer(serializers.Serializer[Any]):
    """One place where two revisions differ; null stands for "not there"."""

    path = serializers.CharField(help_text="Such as conditions.all[1].config.value.")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class DifferencesSerializer(serializers.Serializer[Any]):
    """What a revision changed against an older one."""

    older = serializers.IntegerField(help_text="0 where there is none before it.")
    newer = serializers.IntegerField()
    differences = DifferenceSerializer(many=True)


class FireInput(Input):
    """What to fire it for: a card, or nothing in particular."""

    context_item_id = IdField(required=False, allow_null=True, default=None)
    bypass_cooldown = serializers.BooleanField(default=False)


class RollbackInput(Input):
    """The number of the revision whose content becomes a new revision."""

    revision = WholeField(min_value=1, max_value=2**31 - 1)


class Note(Input):
    """What changed, for whoever looks later."""

    note = LineField(required=False, allow_blank=True, default="", max_length=300)


class PauseReason(Input):
    """Why it is paused; shown wherever the trigger is."""

    reason = LineField(required=False, allow_blank=True, default="", max_length=300)


def new_draft(parts: Mapping[str, Any]) -> dict[str, Any]:
    """A draft of the given parts over an empty document. Raises InvalidDocument for a part that is wrong in itself."""
    return _checked({**empty_document(), **parts}, parts)


def changed_draft(standing: Mapping[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """The standing draft with the given parts replaced. Raises InvalidDocument for one that is wrong in itself."""
    return _checked({**standing, **parts}, parts)


def _checked(document: dict[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """What is missing may come later; what is there and wrong is refused where it was sent, with every path."""
    wrong = [one for one in shape_problems(document) if one.code not in _UNFINISHED and _is_of(one, parts)]
    wrong = [one for one in wrong if not _is_not_chosen_yet(one, document)]
    if wrong:
        raise InvalidDocument(wrong)
    return document


def _is_of(problem: Problem, parts: Mapping[str, Any]) -> bool:
    """What was wrong before, in a part that this call does not touch, is not this call's to mend."""
    return any(problem.path == name or problem.path.startswith((f"{name}.", f"{name}[")) for name in parts)


def _is_not_chosen_yet(problem: Problem, document: Mapping[str, Any]) -> bool:
    agent = document.get("agent")
    return problem.path == "agent.profile_id" and isinstance(agent, dict) and agent.get("profile_id") is None
