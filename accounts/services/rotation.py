"""Writes every stored secret anew under the newest encryption key, so that older keys can be taken away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from accounts.actor import Actor
from accounts.services import audit
from dct_site.kernel.crypto import box
from dct_site.kernel.fields import EncryptedTextField

CHUNK = 100


def sealed_fields() -> list[tuple[type[Model], str]]:
    """Every column that is encrypted, as (model, field)."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


@dataclass(frozen=True)
class Rotated:
    """How many were written anew, and the names of what has a secret that none of the keys of now opens."""

    count: int
    lost: list[str]


def rotate_secrets(*, by: Actor, now: datetime) -> Rotated:
    """Safe to repeat, and while DCT works: each secret is read and written under its row's lock."""
    count, lost = 0, set[str]()
    for model, field in sealed_fields():
        count += _rotate(model, field, lost)
    if count:
        with transaction.atomic():
            audit.record(
                by=by, action="secrets.rotated", obj=None, now=now, after={"count": count, "key": box().current}
            )
    return Rotated(count, sorted(lost))


def _rotate(model: type[Model], field: str, lost: set[str]) -> int:
    rows = model._default_manager
    count = after = 0
    while ids := list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            for row in rows.select_for_update(of=("self",)).filter(pk__in=ids):
                sealed: Any = row.__dict__[field]
                if not sealed or box().is_current(sealed.token):
                    continue
                if not sealed.has_its_key():
                    lost.add(_name_of(row))
                    continue
                setattr(row, field, sealed.open())
                row.save(update_fields=[field])
                count += 1
        after = ids[-1]
    return count


def _name_of(row: Model) -> str:
    """What people know it by: the connection or the program that it belongs to."""
    owner = getattr(row, "connection", None) or getattr(row, "command", None)
    return str(owner or row)
