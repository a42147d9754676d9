"""Publishing: the draft becomes an immutable revision that decides from the next generation on; so does a rollback."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.db import transaction
from guardian.shortcuts import assign_perm

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from agents.services.admission import lock_capacity, set_budget
from dct_site.kernel.edits import edit
from triggers.conditions.facts import same
from triggers.conditions.tree import normalise
from triggers.documents import read
from triggers.enums import TriggerStatus
from triggers.models import Trigger, TriggerRevision
from triggers.services import generation
from triggers.services.execution_start import start_key
from triggers.services.listening import listen
from triggers.services.standing import set_standing
from triggers.services.validation import InvalidDocument, document_problems
from triggers.services.watches import end_watches

__all__ = ["Difference", "InvalidDocument", "diff_revisions", "publish", "revision_before", "rollback"]


def publish(
    *, trigger: Trigger, by: Actor, now: datetime, version: int | None = None, note: str = ""
) -> TriggerRevision:
    """Make the draft the revision that decides. A new or disabled trigger becomes active; others stay as they stand.

    Somebody else's trigger becomes the publisher's, for it runs with its owner's rights; the former owner keeps a
    grant. Raises InvalidDocument with everything that is wrong, EditConflict where the draft has another ``version``.
    """
    return _publish(trigger, None, by=by, now=now, version=version, note=note)


def rollback(*, trigger: Trigger, revision: TriggerRevision, by: Actor, now: datetime) -> TriggerRevision:
    """A new revision (and draft) with an old one's content. Raises InvalidDocument where that no longer stands."""
    note = f"As revision {revision.number}"
    return _publish(trigger, dict(revision.document), by=by, now=now, version=None, note=note)


@dataclass(frozen=True)
class Difference:
    """One place where two documents differ; None stands for "not there"."""

    path: str
    before: Any
    after: Any


def revision_before(revision: TriggerRevision) -> TriggerRevision:
    """The one that it replaced; before the first an empty one with the number 0."""
    rows = TriggerRevision.objects.filter(trigger_id=revision.trigger_id, number__lt=revision.number)
    return rows.order_by("-number").first() or TriggerRevision(number=0, document={})


def diff_revisions(*, older: TriggerRevision, newer: TriggerRevision) -> list[Difference]:
    """Where two revisions differ, by dotted path, in the order of the paths."""
    return _differences(older.document, newer.document, "")


def _publish(
    trigger: Trigger, document: dict[str, Any] | None, *, by: Actor, now: datetime, version: int | None, note: str
) -> TriggerRevision:
    # Looked at before the transaction, which must stay short; the version tells whether it is still the same draft.
    seen = Trigger.objects.get(pk=trigger.pk)
    owner = by.user or seen.owner
    wanted = document if document is not None else seen.draft
    problems = document_problems(document=wanted, owner=owner)
    if problems:
        raise InvalidDocument(problems)
    stored = {**wanted, "conditions": normalise(wanted["conditions"])}
    with transaction.atomic():
        # Lock order: generation, capacity, trigger.
        at_generation = generation.bump()
        lock_capacity()
        row = Trigger.objects.select_for_update(of=("self",)).get(pk=trigger.pk)
        row.version = seen.version
        revision = _store(row, stored, owner=owner, now=now, note=note, version=version)
        set_budget(key=start_key(row.pk), bounds=read(stored).limits.budget, now=now)
        status = TriggerStatus(row.status)
        to = TriggerStatus.ACTIVE if status in (TriggerStatus.NEW, TriggerStatus.DISABLED) else status
        set_standing(trigger=row, to=to, at_generation=at_generation, now=now, reason="", by=by)
        after = {"revision": revision.number, "document": stored}
        audit.record(by=by, action="trigger.published", obj=row, now=now, after=after)
    end_watches(trigger=trigger, now=now)
    trigger.refresh_from_db()
    return revision


def _store(
    row: Trigger, document: dict[str, Any], *, owner: User, now: datetime, note: str, version: int | None
) -> TriggerRevision:
    former = row.owner
    revision = TriggerRevision.objects.create(
        trigger=row,
        number=_next_number(row),
        document=document,
        note=note[:300],
        created_by=owner,
        created_at=now,
    )
    reading = read(document)
    edit(
        row,
        version=version,
        name=reading.name,
        priority=reading.priority,
        draft=document,
        published=revision,
        owner=owner,
        updated_at=now,
    )
    listen(revision=revision, parts=reading.listeners, now=now)
    if former != owner:
        assign_perm("triggers.change_trigger", former, row)
    return revision


def _next_number(trigger: Trigger) -> int:
    latest = TriggerRevision.objects.filter(trigger=trigger).order_by("-number").first()
    return latest.number + 1 if latest is not None else 1


def _differences(older: Any, newer: Any, path: str) -> list[Difference]:
    if isinstance(older, Mapping) and isinstance(newer, Mapping):
        keys = sorted({*older, *newer})
        pairs = [(f"{path}.{key}".lstrip("."), older.get(key), newer.get(key)) for key in keys]
    elif isinstance(older, list) and isinstance(newer, list):
        pairs = [(f"{path}[{at}]", old, new) for at, (old, new) in enumerate(zip_longest(older, newer))]
    else:
        return [] if same(older, newer) else [Difference(path, older, newer)]
    return [difference for where, old, new in pairs for difference in _differences(old, new, where)]
