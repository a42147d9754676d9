"""The closed vocabularies of people, rights and connections."""

from django.db import models


class Role(models.TextChoices):
    """What a person is in the company; a superuser is a superuser whatever the role."""

    CEO = "ceo", "CEO or salesperson"
    SUPPORT = "support", "Support staff"
    DEVELOPER = "developer", "Developer"


class Toggle(models.TextChoices):
    """Features that can be switched off for everyone, superusers included."""

    GIT_WORKFLOWS = "git_workflows", "Git workflows"
    CODE_DEPLOYMENT = "code_deployment", "Code deployment"
    WORKSPACE_EXPORT_IMPORT = "workspace_export_import", "Workspace export and import"
    TRIGGER_MANAGEMENT = "trigger_management", "Trigger management"
    TRIAGE_SERVER_ACCESS = "triage_server_access", "Triage server access"


class Source(models.TextChoices):
    """Source ids of the outside systems; the same words in API, events and connections."""

    JIRA = "jira", "JIRA"
    EMAIL = "email", "Mail"
    SLACK = "slack", "Slack"
    GITHUB = "github", "GitHub"
    LINEAR = "linear", "Linear"
    WEBHOOK = "webhook", "Webhook"
    CLOUDEVENTS = "cloudevents", "CloudEvents"
    SCHEDULE = "schedule", "Schedule"
    INTERNAL = "internal", "Internal"


class Via(models.TextChoices):
    """The door through which a change came."""

    API = "api", "API"
    ADMIN = "admin", "Admin"
    PAGE = "page", "Page"
    CLI = "cli", "Command line"
    SYSTEM = "system", "DCT itself"


class TokenScope(models.TextChoices):
    """What an API token may be used for beside its owner's rights; `full` is everything the owner may do."""

    FULL = "full", "Everything its owner may do"
    EVENTS = "events", "Post events"
    METRICS = "metrics", "Read metrics"
