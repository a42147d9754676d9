"""Promises 5 and 6, as checks: who may enter, and how little is done before the answer."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from accounts.actor import Actor
from accounts.enums import Source
from accounts.models import Secret
from dct_site.kernel.clock import utcnow
from tests.promises.doorway import Doorway
from tests.triggers.door.client import BODY, SECRET, github, make_hook
from triggers.door.verify import sign
from triggers.models import PendingDelivery
from triggers.services import endpoints
from triggers.services.decide.turn import turn

SYSTEM = Actor.system()


def a_signature_is_over_the_bytes_as_they_came() -> None:
    """Promise 5: the same value written otherwise is another body."""
    hook = make_hook()
    other = json.dumps(json.loads(BODY), indent=1).encode()
    with Doorway() as door:
        status = door.post(hook.endpoint.path, other, github(BODY)).status
    assert status == 401, f"a signature over other bytes was answered {status}"


def every_live_secret_is_compared_in_constant_time() -> None:
    """Promise 5: neither a matching prefix nor which of two secrets it was can be told from the time it took."""
    hook = make_hook()
    endpoints.rotate_secret(endpoint=hook.endpoint, by=SYSTEM, now=utcnow())
    compared = 0
    real = hmac.compare_digest

    def counted(left: bytes, right: bytes) -> bool:
        nonlocal compared
        compared += 1
        return real(left, right)

    with patch("triggers.door.verify.hmac.compare_digest", counted), Doorway() as door:
        for headers in (github(), github(secret="a guess")):
            compared = 0
            door.post(hook.endpoint.path, headers=headers)
            assert compared in (2, 4), f"of two live secrets {compared} were compared in constant time"


def without_a_secret_nobody_enters() -> None:
    """Promise 5: no secret, or an empty one, is no open door."""
    hook = make_hook()
    hook.connection.secrets.all().delete()
    for value in (None, ""):
        if value is not None:
            Secret.objects.create(connection=hook.connection, name="webhook", value=value, created_at=utcnow())
        with Doorway() as door:
            answers = [
                door.post(hook.endpoint.path, headers=headers).status for headers in ({}, github(), github(secret=""))
            ]
        assert answers == [401] * 3, f"an endpoint without a secret answered {answers}"


def a_replay_after_six_minutes_is_refused() -> None:
    """Promise 5: also under the stamp of now, for the stamp is part of what is signed."""
    hook = make_hook(Source.WEBHOOK, signature_header="X-Sig", timestamp_header="X-Time")
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    stamp = int(at.timestamp())
    headers = {"X-Sig": sign(SECRET.encode(), BODY, timestamp=stamp), "X-Time": str(stamp)}
    with Doorway(now=lambda: at) as door:
        assert door.post(hook.endpoint.path, headers=headers).status == 202
    with Doorway(now=lambda: at + timedelta(minutes=6)) as later:
        replayed = later.post(hook.endpoint.path, headers=headers).status
        restamped = later.post(hook.endpoint.path, headers=headers | {"X-Time": str(stamp + 360)}).status
    assert replayed == 401, f"a replay after six minutes was answered {replayed}"
    assert restamped == 401, f"a stamp that nobody signed was answered {restamped}"


def while_rotating_two_secrets_hold_and_then_one() -> None:
    """Promise 5: nothing is lost during a change of secrets, and the old one ends."""
    hook, at = make_hook(), utcnow()
    fresh = endpoints.rotate_secret(endpoint=hook.endpoint, by=SYSTEM, now=at)
    with Doorway() as door:
        both = [door.post(hook.endpoint.path, headers=github(secret=one)).status for one in (SECRET, fresh)]
    with Doorway(now=lambda: at + timedelta(hours=25)) as tomorrow:
        old = tomorrow.post(hook.endpoint.path, headers=github()).status
        new = tomorrow.post(hook.endpoint.path, headers=github(secret=fresh)).status
    assert both == [202, 202], f"while rotating, the two secrets were answered {both}"
    assert (old, new) == (401, 202), f"a day after rotating, the old secret was answered {old}"


def a_revoked_secret_ends_in_the_memory_of_every_door() -> None:
    """Promise 5: the commit looks whether what it was verified under still holds."""
    hook, at = make_hook(), utcnow()
    endpoints.rotate_secret(endpoint=hook.endpoint, by=SYSTEM, now=at)
    with Doorway() as door:
        assert door.post(hook.endpoint.path, headers=github()).status == 202
        endpoints.revoke_old_secrets(endpoint=hook.endpoint, by=SYSTEM, now=at)
        status = door.post(hook.endpoint.path, headers=github()).status
    assert status == 401, f"a secret that was revoked was answered {status}"


def a_header_of_any_bytes_is_401() -> None:
    """Promise 5: what is no signature is no accident either."""
    hook = make_hook()
    for value in (b"\xff\xfe", "sha256=é".encode(), b"sha256=" + "٣".encode() * 64, b"", b"=" * 44):
        with Doorway() as door:
            status = door.post(hook.endpoint.path, headers=github() | {"X-Hub-Signature-256": value}).status
        assert status == 401, f"the signature {value!r} was answered {status}"


def nothing_is_decided_before_the_answer() -> None:
    """Promise 6: parsing, matching and launching are others' work; and none of them is waited for."""
    hook = make_hook()
    with Doorway() as door:
        assert door.post(hook.endpoint.path, headers=github()).status == 202
        assert PendingDelivery.objects.count() == 1, "a delivery was decided before it was acknowledged"
        with turn() as is_ours:
            assert is_ours
            status = door.post(hook.endpoint.path, headers=github()).status
    assert status == 202, f"while somebody decides it was answered {status}"
