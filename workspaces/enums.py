"""The closed vocabularies of the library, templates and workspaces, and where a workspace may go."""

from django.db import models

from dct_site.kernel.moves import Machine, machine


class ItemKind(models.TextChoices):
    """What a watched thing is. A child (a pull request, a mail thread) hangs under the thing that is watched."""

    REPOSITORY = "repository", "Repository"
    PULL_REQUEST = "pull_request", "Pull request"
    ISSUE = "issue", "Issue"
    MAILBOX = "mailbox", "Mailbox"
    MAIL_THREAD = "mail_thread", "Mail thread"
    TICKET = "ticket", "Ticket"
    CONVERSATION = "conversation", "Conversation"
    STREAM = "stream", "Webhook stream"
    SCHEDULE = "schedule", "Schedule"
    PORTFOLIO = "portfolio", "Portfolio"


class TrustTier(models.TextChoices):
    """How far the origin of outside text is trusted; it caps what an agent that reads it may do."""

    OPEN = "open", "Open door"
    VERIFIED = "verified", "Verified sender"
    ALLOWED = "allowed", "Verified sender, allow-listed actor"


class ContextRefreshMode(models.TextChoices):
    """What is written into ``context/`` when a workspace is made."""

    NONE = "none", "Nothing beyond the template"
    TRIGGERING_ITEM = "triggering_item", "The item that changed"
    CHANGED_ITEMS = "changed_items", "Every item that changed since the template was saved"
    ALL = "all", "Every item of the template"


class ContextKind(models.TextChoices):
    """What a context file holds."""

    EVENT = "event", "The event as data"
    ITEM = "item", "The item's state"
    PREVIOUS = "previous", "The item's state before"
    HISTORY = "history", "The item's earlier states"
    MESSAGE = "message", "The message's text"
    TEXT = "text", "Fixed text"


class DeployMode(models.TextChoices):
    AUTO = "auto", "Deploy at once"
    DRAFT = "draft", "Prepare a draft for review"


class WorkspaceStatus(models.TextChoices):
    BUILDING = "building", "Building"
    DRAFT = "draft", "Review"
    ACTIVE = "active", "Active"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    ARCHIVED = "archived", "Archived"


WORKSPACE_MOVES: Machine = machine(
    "workspace",
    {
        WorkspaceStatus.BUILDING: [WorkspaceStatus.DRAFT, WorkspaceStatus.ACTIVE, WorkspaceStatus.FAILED],
        WorkspaceStatus.DRAFT: [
            WorkspaceStatus.BUILDING,
            WorkspaceStatus.ACTIVE,
            WorkspaceStatus.FAILED,
            WorkspaceStatus.ARCHIVED,
        ],
        WorkspaceStatus.ACTIVE: [WorkspaceStatus.COMPLETED, WorkspaceStatus.FAILED],
        WorkspaceStatus.COMPLETED: [WorkspaceStatus.ARCHIVED],
        WorkspaceStatus.FAILED: [WorkspaceStatus.ARCHIVED],
        WorkspaceStatus.ARCHIVED: [],
    },
)
