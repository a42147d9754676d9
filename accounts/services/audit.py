"""Writes audit entries: one per change, in the change's own transaction, with secrets redacted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models

from accounts.actor import Actor
from accounts.models import AuditEntry
from dct_site.kernel.redaction import redact


def record(
    *,
    by: Actor,
    action: str,
    obj: models.Model | None,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append the entry of one change. ``action`` reads ``noun.verb`` (``trigger.published``).

    ``before`` and ``after`` hold field names and JSON values of what people here set, never what came from outside; of
    ``obj`` its name is kept only where people here gave it. Anything whose name smells of a secret is redacted.
    Must be called inside the transaction of the change, so that neither is ever without the other; raises RuntimeError
    if it is not.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action}: an audit entry is written in the transaction of its change")
    return AuditEntry.objects.create(
        at=now,
        actor=by.user,
        actor_label=by.label[:150],
        via=by.via,
        action=action,
        kind=obj._meta.model_name or "" if obj is not None else "",
        object_id=obj.pk if obj is not None else None,
        object_label=_label(obj) if obj is not None else "",
        before=redact(dict(before or {})),
        after=redact(dict(after or {})),
    )


def _label(obj: models.Model) -> str:
    """The name that people here gave it, where its model offers one (``audit_name``), otherwise kind and number: titles
    come from outside, and an entry cannot be emptied when they have to go.
    """
    name = getattr(obj, "audit_name", "") or f"{obj._meta.verbose_name} {obj.pk}"
    return str(name)[:200]
