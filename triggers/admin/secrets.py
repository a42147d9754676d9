"""Secrets in the admin: that they are there, never what they are."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import RoleAdmin, RoleInline
from accounts.models import Secret
from accounts.operations import Operation


class SecretInline(RoleInline):
    """Replaced through the connection's form; the value stays in the database."""

    model = Secret
    shown = ("name", "created_at", "expires_at")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Secret]:
        return super().get_queryset(request).defer("value")


@admin.register(Secret)
class SecretAdmin(RoleAdmin):
    """Which secrets there are; a new one is written on its connection's page."""

    viewing = Operation.MANAGE_CONNECTIONS
    list_display = ("name", "connection", "created_at", "expires_at")
    list_select_related = ("connection",)
    numbers = ("id", "connection_id")
    shown = ("connection", "name", "created_at", "expires_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Secret]:
        return super().get_queryset(request).defer("value")
