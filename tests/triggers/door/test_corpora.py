"""What others recorded goes through the door and is decided: 202 for each, and an event or a recorded refusal."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from accounts.enums import Source
from dct_site.command.services import SHARED_DATA
from tests.factories.triggers import NOON
from tests.triggers.door.client import SECRET, github, make_hook, open_door, post
from tests.triggers.sources import octokit
from triggers.door.verify import sign
from triggers.enums import DeliveryStatus
from triggers.models import DeliveryOutcome, Event, PendingDelivery
from triggers.services.decide.pending import decide_pending

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tidy")]
SAMPLES = SHARED_DATA / "webhooks"


async def accepted(path: str, sent: Iterable[tuple[bytes, dict[str, str]]]) -> int:
    """Post them one after the other; how many there were. Each must be a 202 and new."""
    count = 0
    async with open_door() as door:
        for body, headers in sent:
            answer = await post(door, path, body, headers)
            assert (answer.status, answer.value["duplicate"]) == (202, False), (headers, answer.body)
            count += 1
    return count


@sync_to_async
def decided() -> list[DeliveryOutcome]:
    """Decide everything; each delivery's outcome."""
    while PendingDelivery.objects.exists():
        assert decide_pending(now=NOON) > 0
    outcomes = list(DeliveryOutcome.objects.select_related("delivery").order_by("pk"))
    for outcome in outcomes:
        assert outcome.status in (DeliveryStatus.DECIDED, DeliveryStatus.REFUSED), outcome.detail
        # What came to no event says why: refused, or reported before.
        assert outcome.detail if not outcome.event_count else outcome.status == DeliveryStatus.DECIDED
    return outcomes


@pytest.mark.octokit
async def test_githubs_own_examples_are_events_or_recorded_refusals() -> None:
    try:
        told = octokit.examples()
    except octokit.NotThere as missing:
        pytest.skip(str(missing))
    hook = await sync_to_async(make_hook)(rate_per_minute=1_000_000)
    bodies = [(name, octokit.as_sent(payload)) for name, payload in told]
    sent = await accepted(hook.endpoint.path, ((body, github(body, event=name)) for name, body in bodies))
    outcomes = await decided()
    assert len(outcomes) == sent > 300
    refused = {one.delivery.headers["x-github-event"] for one in outcomes if one.status == DeliveryStatus.REFUSED}
    assert refused == {"ping"}
    assert await Event.objects.acount() == sum(one.event_count for one in outcomes) > 200


@pytest.mark.shared_data
@pytest.mark.parametrize("vendor", ["github", "gitlab", "jira", "pagerduty", "sentry"])
async def test_what_vendors_sent_is_an_event_or_a_recorded_refusal(vendor: str) -> None:
    files = sorted((SAMPLES / vendor).rglob("*.json"))
    assert files
    source = Source.GITHUB if vendor == "github" else Source.WEBHOOK
    hook = await sync_to_async(make_hook)(source, rate_per_minute=1_000_000)
    sent = await accepted(hook.endpoint.path, (_signed(file, hook.endpoint.signature_header) for file in files))
    assert len(await decided()) == sent


def _signed(file: Path, header: str) -> tuple[bytes, dict[str, str]]:
    body = file.read_bytes()
    if file.parent.name == "github":
        return body, github(body, event=file.stem.split("__")[0])
    return body, {header: sign(SECRET.encode(), body), "Content-Type": "application/json"}
