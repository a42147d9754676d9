"""What arrived, and what became of it, in the admin. Bodies are shown to those who may look at raw payloads."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import RoleAdmin, person
from accounts.operations import Operation
from accounts.permissions import may
from triggers.models import Delivery, DeliveryDuplicates, DeliveryOutcome, PendingDelivery

MOST_SHOWN = 20_000
_RAW = ("headers", "raw_body")


@admin.register(Delivery)
class DeliveryAdmin(RoleAdmin):
    """What arrived at the door."""

    page = "delivery"
    list_display = ("id", "source", "origin", "connection_id", "rejection", "trust_tier", "received_at")
    list_filter = ("origin", "rejection", "trust_tier")
    numbers = ("id", "connection_id")
    search_fields = ("delivery_key__exact",)
    shown = (
        "connection_id",
        "endpoint_id",
        "source",
        "origin",
        "delivery_key",
        "body_hash",
        "rejection",
        "key_conflict",
        "trust_tier",
        "generation",
        "received_at",
        "purged_at",
        *_RAW,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body", "headers")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fields(request, obj)
        is_open = obj is not None and may(person(request), Operation.VIEW_RAW, obj)
        return [name for name in found if is_open or name not in _RAW]

    @admin.display(description="body")
    def raw_body(self, row: Delivery) -> str:
        text = bytes(row.body[:MOST_SHOWN]).decode("utf-8", "replace")
        return text if len(row.body) <= MOST_SHOWN else f"{text}… ({len(row.body):,} bytes)"


class _OfDeliveryAdmin(RoleAdmin):
    """Slim rows beside deliveries: their key is the delivery's."""

    viewing = Operation.TRIAGE
    numbers = ("delivery_id",)
    ordering = ("-delivery_id",)

    @admin.display(description="delivery")
    def of(self, row: Any) -> str:
        return f"delivery {row.delivery_id}"


@admin.register(PendingDelivery)
class PendingDeliveryAdmin(_OfDeliveryAdmin):
    """What waits to be decided."""

    list_display = ("of", "tries")
    shown = ("of", "tries")


@admin.register(DeliveryOutcome)
class DeliveryOutcomeAdmin(_OfDeliveryAdmin):
    """What became of deliveries."""

    list_display = ("of", "status", "reason", "detail", "event_count", "decided_at")
    list_filter = ("status", "reason")
    shown = ("of", "status", "reason", "detail", "event_count", "decided_at")


@admin.register(DeliveryDuplicates)
class DeliveryDuplicatesAdmin(_OfDeliveryAdmin):
    """How often deliveries came again."""

    list_display = ("of", "count", "last_at")
    shown = ("of", "count", "last_at")
