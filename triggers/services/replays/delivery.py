"""Replaying a delivery that was refused, once the cause is gone: its raw bytes are verified again, by what holds now.

What never was proven to come from its sender is never replayed, and what was not kept whole cannot be.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Connection, Secret
from accounts.services import audit
from dct_site.kernel import safe_json
from dct_site.kernel.crypto import WrongKey
from triggers.door.endpoints import Endpoint
from triggers.door.rejections import KEEP_BYTES
from triggers.door.requests import delivery_key
from triggers.door.verify import refusal_of
from triggers.enums import DeliveryStatus, Origin, Refusal
from triggers.models import Delivery, DeliveryOutcome, Replay, WebhookEndpoint
from triggers.services.endpoints import SECRET_NAME
from triggers.services.intake import Incoming, Receipt, accept
from triggers.services.keeping.tombstones import gone_since
from triggers.services.replays.event import PLAIN, Manner
from workspaces.enums import TrustTier

NEVER = frozenset({Refusal.BAD_SIGNATURE.value, Refusal.STALE_TIMESTAMP.value})
"""Nobody knows who sent it, or it may be somebody's recording: no later change makes it good."""
NOT_KEPT = frozenset({Refusal.TOO_LARGE.value, Refusal.RATE_LIMITED.value})
"""The door lets go of such a body before it has it."""
REPLAYABLE = (DeliveryStatus.REFUSED, DeliveryStatus.ERROR)


class NotReplayable(Exception):
    """The delivery cannot come in again; ``code`` for machines, the text a sentence with what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Proven:
    """A refused delivery that holds now, and how far it is trusted.

    ``delivery_key`` is the sender's id of one that the door turned away: taken in now, it is taken in once.
    """

    delivery: Delivery
    trust_tier: str
    delivery_key: str | None = None


def replay_delivery(*, delivery: Delivery, by: Actor, now: datetime, manner: Manner = PLAIN) -> Receipt:
    """Take the raw bytes of a refused delivery in once more; who listens now is asked, and no item's state moves.

    Raises NotReplayable and Denied.
    """
    manner.require_of(by)
    proven = prove(delivery, now=now)
    with transaction.atomic():
        receipt = accept([incoming_of(proven, now)])[0]
        if receipt.duplicate:
            raise taken_already(receipt.delivery_id)
        note_of(receipt.delivery_id, delivery, manner=manner).save(force_insert=True)
        after = {"delivery": receipt.delivery_id, **manner.told()}
        audit.record(by=by, action="delivery.replayed", obj=delivery, now=now, after=after)
    return receipt


def prove(delivery: Delivery, *, now: datetime) -> Proven:
    """Verify a refused delivery again: sender and form, by secrets and endpoint of now. Raises NotReplayable."""
    if problem := _problem_of(delivery):
        raise problem
    connection = Connection.objects.filter(pk=delivery.connection_id).first()
    if connection is None:
        raise NotReplayable("no_connection", "Its connection does not exist any more.")
    if delivery.endpoint_id is None:
        # It came by a poll or from somebody who was signed in: there is no signature to ask.
        return Proven(delivery, delivery.trust_tier)
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).first()
    if endpoint is None or not endpoint.is_enabled or not connection.is_enabled:
        raise NotReplayable("no_endpoint", "Its webhook is switched off. Switch it on first.")
    return Proven(delivery, TrustTier.VERIFIED, _verified(delivery, endpoint, now))


def is_replayable(delivery: Delivery) -> bool:
    """Whether it is worth a try, as far as its row tells; ``prove`` looks at its bytes."""
    return _problem_of(delivery) is None


def taken_already(delivery_id: int) -> NotReplayable:
    """What the sender sent again meanwhile, or somebody replayed, is there."""
    return NotReplayable("taken_already", f"It came in already, as DL-{delivery_id}.")


def incoming_of(proven: Proven, now: datetime) -> Incoming:
    """The same bytes once more. One that was accepted keeps its sender's id: this one repeats it on purpose."""
    row = proven.delivery
    return Incoming(
        connection_id=row.connection_id,
        endpoint_id=row.endpoint_id,
        source=row.source,
        body=bytes(row.body),
        body_hash=row.body_hash,
        headers=row.headers,
        received_at=now,
        origin=Origin.REPLAY,
        delivery_key=proven.delivery_key,
        trust_tier=proven.trust_tier,
    )


def note_of(delivery_id: int, repeats: Delivery, *, manner: Manner) -> Replay:
    """What stands beside the new delivery, not saved. A replay of a replay links to the first."""
    earlier = Replay.objects.filter(pk=repeats.pk, of_delivery_id__isnull=False).first()
    first_id = earlier.of_delivery_id if earlier is not None else repeats.pk
    return Replay(delivery_id=delivery_id, of_delivery_id=first_id, is_draft=manner.is_draft, priority=manner.priority)


def why_not(delivery: Delivery) -> str:
    """Why it cannot be replayed whatever is changed, as a sentence; empty where it may be tried."""
    problem = _problem_of(delivery)
    return str(problem) if problem is not None else ""


def _problem_of(row: Delivery) -> NotReplayable | None:
    outcome: DeliveryOutcome | None = getattr(row, "outcome", None)
    if not row.rejection and (outcome is None or outcome.status not in REPLAYABLE):
        words = "It was not refused. Replay its events instead." if outcome is not None else "It is not decided yet."
        return NotReplayable("not_refused", words)
    if row.rejection in NEVER:
        return NotReplayable("never_replayable", f"{Refusal(row.rejection).label}. Such a delivery is never replayed.")
    if row.purged_at is not None:
        return NotReplayable("inputs_purged", gone_since(row.purged_at))
    if row.rejection in NOT_KEPT:
        words = f"{Refusal(row.rejection).label}, so its body was not stored. Let the sender send it again."
        return NotReplayable("not_kept", words)
    return None


def _verified(row: Delivery, endpoint: WebhookEndpoint, now: datetime) -> str | None:
    """The sender's id where the door had turned it away. Raises NotReplayable."""
    body = bytes(row.body)
    if row.rejection and (not body or len(body) >= KEEP_BYTES):
        words = f"Of a rejected body only the first {KEEP_BYTES} bytes are stored. Let the sender send it again."
        raise NotReplayable("not_kept", words)
    headers = {name.lower().encode("latin-1", "replace"): _bytes(value) for name, value in row.headers.items()}
    # Its timestamp was right or wrong when it came; that it is old by now is nobody's doing.
    refusal = refusal_of(endpoint, _live_secrets(endpoint, now), headers, body, row.received_at)
    if refusal == Refusal.NO_SECRET:
        raise NotReplayable("no_secret", "The endpoint has no secret. Give it the sender's first.")
    if refusal is not None:
        words = "Its signature does not hold under the secrets of now, so nobody can tell who sent it."
        raise NotReplayable("bad_signature", words)
    if not row.rejection:
        return None
    try:
        # Whatever else the door asks of a delivery that it lets in.
        return delivery_key(cast("Endpoint", endpoint), headers, body)
    except safe_json.UnsafeJson as unsafe:
        raise NotReplayable("not_safe_json", f"It is still refused: {unsafe.message}") from None


def _live_secrets(endpoint: WebhookEndpoint, now: datetime) -> list[bytes]:
    rows = Secret.objects.filter(connection_id=endpoint.connection_id, name=SECRET_NAME)
    found: list[bytes] = []
    for row in rows:
        if row.expires_at is None or now < row.expires_at:
            try:
                found.append(row.value.encode())
            except WrongKey:
                continue
    return [secret for secret in found if secret]


def _bytes(value: object) -> bytes:
    return str(value).encode("latin-1", "replace")
