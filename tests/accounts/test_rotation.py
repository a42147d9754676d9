"""Every stored secret goes under the newest key, once, and what no key opens is told and kept as it is."""

from datetime import datetime

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings

from accounts.actor import Actor
from accounts.models import AuditEntry, Secret
from accounts.services import rotation
from dct_site.kernel.crypto import key_id
from tests.factories.workspaces import make_connection

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def stored() -> dict[str, str]:
    """Name → id of the key that its ciphertext names."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, value FROM accounts_secret")
        return {name: value.split(".")[1] for name, value in cursor.fetchall()}


@pytest.mark.django_db
def test_every_secret_goes_under_the_newest_key(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "CHUNK", 2)
    kept, lost = make_connection(name="Kept"), make_connection(name="Lost")
    with override_settings(DCT_ENCRYPTION_KEYS=OLD):
        for number in range(3):
            Secret.objects.create(connection=kept, name=f"s{number}", value=f"text {number}", created_at=now)
    with override_settings(DCT_ENCRYPTION_KEYS=LOST):
        Secret.objects.create(connection=lost, name="gone", value="text", created_at=now)

    with override_settings(DCT_ENCRYPTION_KEYS=f"{NEW},{OLD}"):
        done = rotation.rotate_secrets(by=Actor.cli(), now=now)
        assert (done.count, done.lost) == (3, ["Lost"])
        again = rotation.rotate_secrets(by=Actor.cli(), now=now)
        assert (again.count, again.lost) == (0, ["Lost"])
    assert stored() == {"s0": key_id(NEW), "s1": key_id(NEW), "s2": key_id(NEW), "gone": key_id(LOST)}
    with override_settings(DCT_ENCRYPTION_KEYS=NEW):
        assert [secret.value for secret in Secret.objects.filter(connection=kept).order_by("name")] == [
            "text 0", "text 1", "text 2"
        ]  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after) == ("secrets.rotated", {"count": 3, "key": key_id(NEW)})
