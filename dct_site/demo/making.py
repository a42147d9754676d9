"""How the demo makes templates, profiles and triggers: through the services that people use."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from agents.models import AgentProfile
from agents.services import profiles
from triggers.services.drafts import create_trigger
from triggers.services.publishing import publish
from workspaces.models import WorkspaceTemplate
from workspaces.services import templates

CLI = Actor.cli()


def make_template(*, name: str, notes: str, owner: User, now: datetime, about: str) -> WorkspaceTemplate:
    """A template with one file of notes."""
    by = Actor(user=owner, label=owner.username, via=CLI.via)
    template = templates.create(name=name, owner=owner, by=by, now=now, description=about, title_pattern="{item.title}")
    templates.put_file(template=template, path="work/notes.md", content=notes.encode(), by=by, now=now)
    return template


def make_profile(*, owner: User, now: datetime) -> AgentProfile:
    """The digest agent: built in, offline, no key."""
    by = Actor(user=owner, label=owner.username, via=CLI.via)
    return profiles.create(
        name="Digest", runtime="digest", owner=owner, by=by, now=now, instructions="Write a digest of what changed."
    )


def publish_document(owner: User, document: dict[str, Any], now: datetime) -> None:
    """A trigger of this document, published."""
    by = Actor(user=owner, label=owner.username, via=CLI.via)
    with transaction.atomic():
        trigger = create_trigger(owner=owner, document=document, by=by, now=now)
        publish(trigger=trigger, by=by, now=now, note="Planted with the demo")
