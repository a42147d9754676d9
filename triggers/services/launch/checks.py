"""What must be there before an execution is prepared: its template, its agent profile, its program."""

from dataclasses import dataclass
from typing import Any

from agents.models import AgentProfile
from triggers.enums import Origin
from triggers.models import Execution, Replay
from workspaces.enums import ContextRefreshMode, DeployMode
from workspaces.models import WorkspaceTemplate


class CannotLaunch(Exception):
    """It will not work however often it is tried; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Plan:
    """What a revision's document asks to be prepared."""

    template: WorkspaceTemplate | None
    title_pattern: str
    context_refresh_mode: ContextRefreshMode
    deploy: DeployMode
    profile: AgentProfile
    instructions: str
    deliverables: list[dict[str, Any]]


def plan_of(execution: Execution) -> Plan:
    """Read the document against what exists now. Raises CannotLaunch."""
    document = execution.revision.document
    workspace, agent = document.get("workspace") or {}, document.get("agent") or {}
    template = _template(workspace.get("template_id"))
    mode = workspace.get("context_refresh_mode") or (template.context_refresh_mode if template else "")
    return Plan(
        template=template,
        title_pattern=workspace.get("title_pattern") or (template.title_pattern if template else "{trigger.name}"),
        context_refresh_mode=ContextRefreshMode(mode or ContextRefreshMode.TRIGGERING_ITEM),
        deploy=DeployMode.DRAFT
        if is_draft_asked_for(execution)
        else DeployMode(workspace.get("deploy") or DeployMode.AUTO),
        profile=profile_of(execution),
        instructions=agent.get("instructions") or "",
        deliverables=list(document.get("deliverables") or []),
    )


def is_draft_asked_for(execution: Execution) -> bool:
    """Whether a person replayed the event into a draft, whatever the revision says."""
    event = execution.event
    is_replay = event.origin == Origin.REPLAY and event.delivery_id is not None
    return is_replay and Replay.objects.filter(pk=event.delivery_id, is_draft=True).exists()


def _template(template_id: int | None) -> WorkspaceTemplate | None:
    if template_id is None:
        return None
    template = WorkspaceTemplate.objects.filter(pk=template_id).first()
    if template is None:
        raise CannotLaunch("The workspace template is gone. Choose another one in the trigger and publish it.")
    return template


def profile_of(execution: Execution) -> AgentProfile:
    """The agent profile that the revision names. Raises CannotLaunch."""
    wanted: int | None = (execution.revision.document.get("agent") or {}).get("profile_id")
    profiles = AgentProfile.objects.select_related("command")
    profile = profiles.filter(pk=wanted).first() if wanted is not None else None
    if profile is None or profile.is_archived:
        raise CannotLaunch("The agent profile is gone. Choose another one in the trigger and publish it.")
    if profile.command is not None and not profile.command.is_enabled:
        raise CannotLaunch(f"The program “{profile.command.name}” is switched off. A Developer can switch it on again.")
    return profile
