"""A new installation begins with the limits of its kind; one that is at work keeps its own."""

import importlib

import pytest
from django.apps import apps
from django.conf import LazySettings

from agents.initial import INITIAL
from agents.models import Limits
from dct_site.environment import KINDS
from tests.factories.agents import make_start, set_limits

pytestmark = pytest.mark.django_db
begin = importlib.import_module("agents.migrations.0004_admission").begin


def test_each_kind_has_limits() -> None:
    assert set(INITIAL) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_installation_begins_with_those_of_its_kind(kind: str, settings: LazySettings) -> None:
    settings.DCT_ENV = kind
    set_limits(version=1, max_agents=1)
    begin(apps, None)
    row = Limits.objects.get()
    assert {name: getattr(row, name) for name in INITIAL[kind]} == INITIAL[kind]


@pytest.mark.parametrize("is_changed", [True, False], ids=["changed", "at work"])
def test_one_that_is_at_work_keeps_its_own(is_changed: bool) -> None:
    set_limits(version=2 if is_changed else 1, max_agents=7)
    if not is_changed:
        make_start(1)
    begin(apps, None)
    assert Limits.objects.get().max_agents == 7
