"""Writes down which outputs a workspace must have, and how they were before the work began."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from dct_site.kernel import moves
from deliverables.models import Check, Deliverable
from deliverables.rules.judging import expectations
from deliverables.services.looking import look_at
from workspaces import files
from workspaces.models import Workspace


def baselines(*, workspace: Workspace, specs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{target: its SHA-256 of now, empty where it is not there}. Reads files: not inside a transaction."""
    root = files.root_of(workspace)
    return {spec["target"]: look_at(root, spec["target"]).checksum for spec in specs}


def specify(
    *, workspace: Workspace, specs: Sequence[Mapping[str, Any]], before: Mapping[str, str], now: datetime
) -> list[Deliverable]:
    """Make the rows of a document's ``deliverables[]``: ``{name, kind, target, required, rules, deadline_s}``; returns
    those that are new.

    ``before`` are the ``baselines``. One that exists already stays as it is, baseline included, so that a launch that
    was cut off may come by again. Joins the transaction of its caller, who keeps others from doing the same.
    """
    with transaction.atomic():
        known = set(Deliverable.objects.filter(workspace=workspace).values_list("name", flat=True))
        made = Deliverable.objects.bulk_create(
            _row(workspace, position, spec, before[spec["target"]], now)
            for position, spec in enumerate(specs)
            if spec["name"] not in known
        )
        Check.objects.bulk_create(check for row in made for check in _checks(row))
        moves.born(*made, now=now)
    return made


def _row(workspace: Workspace, position: int, spec: Mapping[str, Any], checksum: str, now: datetime) -> Deliverable:
    deadline = spec.get("deadline_s")
    return Deliverable(
        workspace=workspace,
        name=spec["name"],
        kind=spec["kind"],
        target=spec["target"],
        rules={rule: value for rule, value in (spec.get("rules") or {}).items() if value is not None},
        is_required=spec.get("required", True),
        position=position,
        baseline_checksum=checksum,
        deadline_at=now + timedelta(seconds=deadline) if deadline else None,
    )


def _checks(deliverable: Deliverable) -> list[Check]:
    expected = expectations(kind=deliverable.kind, target=deliverable.target, rules=deliverable.rules)
    return [
        Check(deliverable=deliverable, rule=rule, expected=words[:600], position=position)
        for position, (rule, words) in enumerate(expected.items())
    ]
