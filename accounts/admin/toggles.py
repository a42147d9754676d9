"""Feature toggles in the admin."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.actor import Actor
from accounts.admin.acts import Do, act
from accounts.admin.base import RoleAdmin
from accounts.enums import Toggle
from accounts.models import FeatureToggle
from accounts.operations import Operation
from accounts.services import people

_FLIP = Operation.FLIP_TOGGLES


def _switch(is_on: bool) -> Do:
    def do(row: FeatureToggle, by: Actor, now: datetime) -> bool:
        if row.is_on == is_on:
            return False
        people.flip_toggle(key=Toggle(row.key), is_on=is_on, by=by, now=now)
        return True

    return do


@admin.register(FeatureToggle)
class FeatureToggleAdmin(RoleAdmin):
    """One switch per feature. A feature that is not in the list is on; add it to switch it off."""

    viewing = adding = changing = _FLIP
    list_display = ("key", "is_on", "changed_at")
    shown = ("key", "is_on", "changed_at")
    fields_to_add = ("key", "is_on")
    fields_to_change = ("is_on",)
    actions = (
        act(
            "Switch off for everyone",
            _FLIP,
            _switch(False),
            done="switched off",
            already="off already",
        ),
        act("Switch on", _FLIP, _switch(True), done="switched on", already="on already"),
    )

    def create(self, request: HttpRequest, values: Mapping[str, Any], *, by: Actor, now: datetime) -> FeatureToggle:
        return people.flip_toggle(key=Toggle(values["key"]), is_on=values["is_on"], by=by, now=now)

    def change(
        self, request: HttpRequest, row: FeatureToggle, values: Mapping[str, Any], *, by: Actor, now: datetime
    ) -> FeatureToggle:
        if "is_on" not in values:
            return row
        return people.flip_toggle(key=Toggle(row.key), is_on=values["is_on"], by=by, now=now)
