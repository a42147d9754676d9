"""How long records are kept: the rules, and what goes by each of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum, Window

from agents.enums import IntentKind, IntentStatus
from agents.models import AgentIntent, ObsoleteAgentRecord, RecordRule
from agents.models.record import DEFAULT_DAYS
from workspaces.models import Workspace, WorkspaceTemplate

Scope = Workspace | WorkspaceTemplate | None
"""What a rule covers; None: everything."""


@dataclass(frozen=True)
class Holding:
    """What a rule covers and how much of it would go: numbers of records, and bytes as they are stored."""

    records: int
    bytes: int
    pinned: int
    going_records: int
    going_bytes: int


def rule_of(scope: Scope) -> RecordRule:
    """What was said for it; where nothing was, a row that is not stored."""
    where = _where(scope)
    return RecordRule.objects.filter(**where).first() or RecordRule(**where)


def days_of(rule: RecordRule) -> int:
    """How many days what it covers is kept: its own, else those of the next wider rule."""
    if rule.max_days is not None:
        return rule.max_days
    if rule.is_default:
        return DEFAULT_DAYS
    template = rule.workspace.template if rule.workspace is not None else None
    return days_of(rule_of(template))


def rules() -> list[RecordRule]:
    """Every rule there is, and that for everywhere."""
    stored = list(RecordRule.objects.select_related("workspace__template", "template").order_by("pk"))
    return stored if any(rule.is_default for rule in stored) else [RecordRule(is_default=True), *stored]


def covered_by(rule: RecordRule) -> QuerySet[ObsoleteAgentRecord]:
    """Records of its scope that still hold something."""
    rows = ObsoleteAgentRecord.objects.filter(purged_at=None)
    if rule.workspace_id is not None:
        return rows.filter(workspace=rule.workspace_id)
    return rows if rule.template_id is None else rows.filter(workspace__template=rule.template_id)


def going_by(rule: RecordRule, *, now: datetime) -> list[QuerySet[ObsoleteAgentRecord]]:
    """What goes by this rule: by age, by number and by size, the oldest first. Never what is pinned, nor what an agent
    is being restored from.
    """
    restoring = AgentIntent.objects.filter(
        kind=IntentKind.RESTORE, status=IntentStatus.PENDING, agent__restored_from=OuterRef("pk")
    )
    rows = covered_by(rule).filter(~Exists(restoring), pinned_at=None)
    found = [_of_age(rule, rows).filter(at__lt=now - timedelta(days=days_of(rule))).order_by("at", "id")]
    if rule.max_count is not None:
        stay = rows.order_by("-at", "-id").values("pk")[: rule.max_count]
        found.append(rows.exclude(pk__in=stay).order_by("at", "id"))
    if rule.max_bytes is not None:
        newest_first = Window(Sum("stored_bytes"), order_by=[F("at").desc(), F("id").desc()])
        found.append(rows.annotate(up_to=newest_first).filter(up_to__gt=rule.max_bytes).order_by("at", "id"))
    return found


def holding_of(rule: RecordRule, *, now: datetime) -> Holding:
    """What the rule covers, and what of it would go by it now. ``rule`` need not be stored."""
    told = covered_by(rule).aggregate(
        records=Count("pk"), bytes=Sum("stored_bytes"), pinned=Count("pk", filter=Q(pinned_at__isnull=False))
    )
    going: dict[int, int] = {}
    for rows in going_by(rule, now=now):
        going |= dict(rows.values_list("pk", "stored_bytes"))
    return Holding(
        records=told["records"],
        bytes=told["bytes"] or 0,
        pinned=told["pinned"],
        going_records=len(going),
        going_bytes=sum(going.values()),
    )


def _of_age(rule: RecordRule, rows: QuerySet[ObsoleteAgentRecord]) -> QuerySet[ObsoleteAgentRecord]:
    """Without those for which a nearer rule says how old they may get."""
    if rule.workspace_id is not None:
        return rows
    said = RecordRule.objects.filter(max_days__isnull=False)
    rows = rows.exclude(workspace__in=said.filter(workspace__isnull=False).values("workspace"))
    if rule.template_id is not None:
        return rows
    return rows.exclude(workspace__template__in=said.filter(template__isnull=False).values("template"))


def _where(scope: Scope) -> dict[str, object]:
    if scope is None:
        return {"is_default": True}
    return {"workspace": scope} if isinstance(scope, Workspace) else {"template": scope}
