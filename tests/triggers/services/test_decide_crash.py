"""A decider that dies anywhere leaves nothing or everything, and the next one finishes, once (promises 9 and 10)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.factories.triggers import NOON, make_delivery, make_trigger
from tests.triggers.services.doomed import database_url
from triggers.enums import DeliveryStatus
from triggers.models import (
    Decision,
    DeliveryOutcome,
    Event,
    Execution,
    Firing,
    PendingDelivery,
    SeenChange,
    Trigger,
)
from triggers.services.decide.pending import decide_pending
from workspaces.models import ContextItem, ItemState

EVERYTHING = (Event, SeenChange, ContextItem, ItemState, Decision, Firing, Execution, DeliveryOutcome)


def decide_in_a_process(crash_at: str) -> int:
    """The exit code of a decider that dies at a place."""
    environment = {
        **os.environ,
        "DCT_DATABASE_URL": database_url(),
        "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        "DCT_CRASH_AT": crash_at,
    }
    program = [sys.executable, str(Path(__file__).with_name("decider.py")), NOON.isoformat()]
    return subprocess.run(program, env=environment, timeout=120, check=False).returncode


@pytest.mark.unmeasured
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("place", "is_committed"),
    [
        ("decide.prepared", False),
        ("decide.events_written", False),
        ("decide.before_commit", False),
        ("decide.committed", True),
    ],
)
def test_a_decider_that_is_killed_leaves_nothing_or_everything(place: str, is_committed: bool) -> None:
    trigger = make_trigger()
    make_delivery(
        trigger.listeners.get().connection,
        {"item": {"key": "OPS-1"}, "state": {"status": "open"}, "change_key": "OPS-1:1"},
    )

    assert decide_in_a_process(place) == -signal.SIGKILL

    assert {model.objects.count() for model in EVERYTHING} == {int(is_committed)}
    assert PendingDelivery.objects.count() == 1 - is_committed
    assert (Trigger.objects.get().last_fired_at is not None) is is_committed

    assert decide_pending(now=NOON) == 1 - is_committed

    assert {model.objects.count() for model in EVERYTHING} == {1}
    assert DeliveryOutcome.objects.get().status == DeliveryStatus.DECIDED
    assert not PendingDelivery.objects.exists()
