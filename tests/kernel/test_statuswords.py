"""Every status word of the outside surface has a tone, an icon and a word."""

import pytest

from dct_site.kernel.statuswords import WORDS, Kind, Tone, source_icon_name, status_word

pytestmark = pytest.mark.one_pass

PROMISED = {
    Kind.TRIGGER: "new active shadow paused disabled",
    Kind.DELIVERY: "received decided refused rejected error",
    Kind.DECISION: "fired shadowed not_matched suppressed error",
    Kind.SUPPRESSED: "paused source_paused cooldown rate overlap own_write hop_limit stale late storm owner_rights"
    " feature_disabled",
    Kind.FIRING: "primary merged batched",
    Kind.LISTENER: "healthy degraded breaker_open credential_expired silent paused",
    Kind.HEALTH: "healthy warning error",
    Kind.DELIVERABLE: "pending satisfied unsatisfied waived expired",
    Kind.CHECK: "pending passed failed error",
    Kind.WORKSPACE: "building draft active completed failed archived",
    Kind.AGENT: "pending starting running stopping waiting completed failed stopped",
    Kind.EXECUTION: "queued starting running verifying needs_attention succeeded failed cancelled timed_out expired",
    Kind.BULK_REPLAY: "running paused done cancelled",
    Kind.WATCH: "armed elapsed disarmed ended",
    Kind.ERASURE: "running done",
    Kind.SLOT: "fired missed",
    Kind.ATTENTION: "review question unsatisfied approval",
}


@pytest.mark.parametrize("kind", list(Kind))
def test_the_table_holds_exactly_the_promised_words(kind: Kind) -> None:
    assert set(WORDS[kind]) == set(PROMISED[kind].split())


def test_no_two_statuses_of_a_kind_read_alike() -> None:
    for kind, words in WORDS.items():
        assert len({look.word for look in words.values()}) == len(words), kind


def test_only_work_in_progress_moves() -> None:
    turning = {look.tone for words in WORDS.values() for look in words.values() if look.turns}
    assert turning == {Tone.LIVE}


def test_an_unknown_status_is_shown_as_itself() -> None:
    look = status_word("execution", "half_done")
    assert (look.tone, look.word) == (Tone.OFF, "Half done")
    assert status_word("execution", "").word == "Unknown"


def test_an_unknown_kind_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="executoin"):
        status_word("executoin", "running")


def test_an_unknown_source_still_has_an_icon() -> None:
    assert source_icon_name("github") == "github"
    assert source_icon_name("carrier-pigeon") == "broadcast"
