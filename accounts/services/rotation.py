"""Writes every stored secret anew under the newest encryption key, so that older keys can be taken away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Secret
from accounts.services import audit
from dct_site.kernel.crypto import box

CHUNK = 100


@dataclass(frozen=True)
class Rotated:
    """How many were written anew, and the names of connections whose secret none of the keys of now opens."""

    count: int
    lost: list[str]


def rotate_secrets(*, by: Actor, now: datetime) -> Rotated:
    """Safe to repeat, and while DCT works: each secret is read and written under its row's lock."""
    count, lost, after = 0, set[str](), 0
    while ids := list(Secret.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            for secret in (
                Secret.objects.select_for_update(of=("self",)).select_related("connection").filter(pk__in=ids)
            ):
                sealed: Any = secret.__dict__["value"]
                if not sealed or box().is_current(sealed.token):
                    continue
                if not sealed.has_its_key():
                    lost.add(secret.connection.name)
                    continue
                secret.value = sealed.open()
                secret.save(update_fields=["value"])
                count += 1
        after = ids[-1]
    if count:
        with transaction.atomic():
            audit.record(
                by=by, action="secrets.rotated", obj=None, now=now, after={"count": count, "key": box().current}
            )
    return Rotated(count, sorted(lost))
