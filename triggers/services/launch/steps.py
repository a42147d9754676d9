"""The steps of a launch: clone, context, deploy.

Two commits: one takes the lease and names the workspace, one tells that everything is there and puts the agent to work.
All file work lies between them and may be done again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from agents.services.deploy import deploy
from dct_site.kernel.crashpoints import crashpoint
from deliverables.services.specify import baselines, specify
from triggers.enums import Attention, ExecutionStatus, StepName
from triggers.models import Execution
from triggers.services import steps
from triggers.services.attention_time import ATTENTION_TIME
from triggers.services.execution_moves import go
from triggers.services.launch.checks import Plan, plan_of
from triggers.services.launch.context import entries_for, title_values
from triggers.services.launch.lease import Lease, claim
from triggers.services.launch.matching import Matching
from triggers.services.slots import give_back_agent_slot
from workspaces.enums import DeployMode, TrustTier
from workspaces.models import ContextFile, Workspace
from workspaces.services import clone, context, lifecycle, titles

TELL_AFTER = timedelta(seconds=1)
"""A clone that took as long is told at once, with a new lease; a quicker one is told with the rest."""


@dataclass
class Outline:
    """What a launch will make; ``workspace`` is the saved one once the lease is taken."""

    plan: Plan
    workspace: Workspace


@dataclass
class Prepared:
    """What lies on disk and is not told yet, and when each step was done."""

    context: list[ContextFile]
    before: dict[str, str]
    done: dict[StepName, tuple[datetime, datetime]] = field(default_factory=dict)


def origin_of(execution: Execution) -> str:
    """The key under which an execution's workspace is made once."""
    return f"execution:{execution.pk}"


def read(execution_id: int) -> Execution:
    """The execution without a lock (reads open no write transaction); what it is told looks again under the fence."""
    return Execution.objects.select_related("revision", "trigger__owner", "event__item__parent", "start").get(
        pk=execution_id
    )


def outline(execution: Execution, *, now: datetime) -> Outline:
    """What is to be made. Raises CannotLaunch and TemplateGone (final)."""
    plan, item = plan_of(execution), execution.event.item
    workspace = clone.prepare(
        template=plan.template,
        origin=origin_of(execution),
        title=titles.render(plan.title_pattern, title_values(execution, item)),
        owner=execution.trigger.owner,
        item=item,
        trust_tier=TrustTier(execution.event.trust_tier),
        context_refresh_mode=plan.context_refresh_mode,
        now=now,
    )
    return Outline(plan, workspace)


def take(
    execution: Execution, wanted: Outline | None, *, matching: Matching | None = None, owner: str, now: datetime
) -> Lease | None:
    """Take the lease and, where it is known what is wanted, enter the workspace; None where somebody else was first."""
    with transaction.atomic():
        lease = claim(execution, owner=owner, now=now)
        if lease is not None and matching is not None:
            Execution.objects.filter(pk=execution.pk).update(matching=matching.as_data(at=now))
        if lease is not None and wanted is not None:
            wanted.workspace = clone.enter(wanted.workspace, now=now)
            if execution.workspace_id != wanted.workspace.pk:
                Execution.objects.filter(pk=execution.pk).update(workspace=wanted.workspace)
    return lease


def run(lease: Lease, execution: Execution, outline: Outline) -> None:
    """Take the execution from ``starting`` to ``running`` (or to a person's review). Every step may be run again.

    Raises TemplateGone (final), FileTrouble, and LostRace where the execution is somebody else's now.
    """
    began = lease.watch.began
    clone.build(outline.workspace)
    crashpoint("launch.after_clone")
    cloned_at = lease.now()
    if cloned_at - began >= TELL_AFTER:
        _tell_clone(lease, cloned_at)
    try:
        prepared = _prepare(lease, execution, outline)
    except Exception:
        _tell_clone(lease, cloned_at)  # it is the next step that failed
        raise
    prepared.done = {StepName.CLONE: (began, cloned_at), StepName.CONTEXT: (cloned_at, lease.now())}
    crashpoint("launch.after_context")
    if outline.plan.deploy == DeployMode.DRAFT:
        _hand_over_for_review(lease, outline, prepared)
    else:
        _deploy(lease, execution, outline, prepared)
    crashpoint("launch.after_deploy")


def _prepare(lease: Lease, execution: Execution, outline: Outline) -> Prepared:
    workspace = outline.workspace
    return Prepared(
        context=context.write(workspace=workspace, entries=entries_for(execution, workspace), now=lease.now()),
        before=baselines(workspace=workspace, specs=outline.plan.deliverables),
    )


def _tell_clone(lease: Lease, at: datetime) -> None:
    with transaction.atomic():
        held = lease.hold()
        steps.end(held, StepName.CLONE, at=at)
        steps.begin(held, StepName.CONTEXT, at=at)
        lease.renew()
    crashpoint("launch.after_clone_told")


def _tell(held: Execution, outline: Outline, prepared: Prepared, at: datetime) -> None:
    """The rows of what was made, and when."""
    context.record(prepared.context)
    specify(workspace=outline.workspace, specs=outline.plan.deliverables, before=prepared.before, now=at)
    for name, (began, ended) in prepared.done.items():
        steps.done(held, name, began=began, ended=ended)


def _deploy(lease: Lease, execution: Execution, outline: Outline, prepared: Prepared) -> None:
    """One transaction: the agent exists exactly when the execution runs."""
    with transaction.atomic():
        held = lease.hold()
        at = lease.now()
        _, ready_at = prepared.done[StepName.CONTEXT]
        prepared.done[StepName.DEPLOY] = (ready_at, at)
        _tell(held, outline, prepared, at)
        lifecycle.activate(workspace=outline.workspace, now=at)
        deploy(
            workspace=outline.workspace,
            profile=outline.plan.profile,
            start=execution.start,
            now=at,
            instructions=outline.plan.instructions,
        )
        steps.begin(held, StepName.WORK, at=at)
        go(held, ExecutionStatus.RUNNING, now=at, guard={"epoch": lease.epoch}, lease_owner="", lease_until=None)
        crashpoint("launch.in_deploy")


def _hand_over_for_review(lease: Lease, outline: Outline, prepared: Prepared) -> None:
    """A draft: the workspace keeps its slot, the agent's is free for others until somebody approves."""
    with transaction.atomic():
        execution = lease.hold()
        at = lease.now()
        _tell(execution, outline, prepared, at)
        reason = "The workspace is prepared. Review it, then approve or reject it."
        lifecycle.to_draft(workspace=outline.workspace, now=at, reason=reason)
        steps.begin(execution, StepName.DEPLOY, at=at)
        go(
            execution,
            ExecutionStatus.NEEDS_ATTENTION,
            now=at,
            guard={"epoch": lease.epoch},
            attention=Attention.REVIEW,
            reason=reason,
            lease_owner="",
            lease_until=None,
            deadline_at=at + ATTENTION_TIME,
        )
        give_back_agent_slot(execution, now=at)
