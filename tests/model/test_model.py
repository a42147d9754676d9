"""The design holds its promises under crashes, stops, duplicates and races, and needs each of its guards for it."""

from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import promises_of
from tests.model.model import Guard, Model

pytestmark = [pytest.mark.one_pass, pytest.mark.unmeasured]

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
DRIVE = settings(
    max_examples=120,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=QUIET,
)
# To know that a machine notices, the first failure is enough: nothing is shrunk.
NOTICE = settings(
    DRIVE,
    max_examples=3_000,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
    print_blob=False,
    derandomize=False,
)
# Walks that come to each of them early: others take up to twenty seconds.
EARLY = seed(5)


def test_the_design_holds_its_promises() -> None:
    run_state_machine_as_test(promises_of(Model), settings=DRIVE)


NOTICED = {
    Guard.DELIVERY_KEY: "a duplicate was not told|stored twice",
    Guard.FIRING_KEY: "an event fired a trigger twice",
    Guard.CLAIM_BY_STATE: "an event has no answer for a trigger",
    Guard.LIMIT_UNDER_LOCK: "slots are held of",
    Guard.RESERVED_SHARE: "the low class sits in the reserved share",
    Guard.PAUSE_FENCE: "started after its pause was acknowledged",
    Guard.TERMINAL_FINAL: "became",
    Guard.EPOCH: "a write of epoch",
    Guard.SHIM_LEASE: "outlived its lease|two attempts live at once",
    Guard.ABSOLUTE_RENEWAL: "outlived its lease|two attempts live at once",
}


@pytest.mark.parametrize("guard", Guard, ids=lambda guard: guard.name.lower())
def test_a_design_without_a_guard_is_caught(guard: Guard) -> None:
    with pytest.raises(AssertionError, match=NOTICED[guard]):
        run_state_machine_as_test(EARLY(promises_of(partial(Model, frozenset({guard})))), settings=NOTICE)
