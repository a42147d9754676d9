"""Plants the demo through the same services that people use, once; tells what one needs to try it."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.actor import Actor
from accounts.enums import Role, Source
from accounts.models import Connection, Secret, User
from accounts.services import people
from dct_site.demo import content, keys, mailbox
from dct_site.demo.making import make_profile, make_template, publish_document
from dct_site.simulators import demo as simulators
from dct_site.simulators import github
from triggers.models import WebhookEndpoint
from triggers.services.endpoints import SECRET_NAME, create_webhook_connection
from workspaces.enums import ItemKind
from workspaces.models import ContextItem
from workspaces.services.items import create_item

CLI = Actor.cli()


def plant(*, url: str, now: datetime) -> dict[str, Any]:
    """Make the demo where it is missing; return ``{"demo": facts, "mail": arguments of the mail server}``."""
    crowd = _people(now)
    if not Connection.objects.filter(name=content.GITHUB_CONNECTION).exists():
        _plant_github(crowd["dana"], now)
    mail = mailbox.plant(owner=crowd["casey"], now=now)
    facts = {**_webhook_facts(url), **mail.facts, "people": _told_people(), "url": url}
    _tell_simulators(facts)
    _leave_example(now)
    return {"demo": facts, "mail": mail.arguments}


def _people(now: datetime) -> dict[str, User]:
    for name, role in content.PEOPLE:
        if not User.objects.filter(username=name).exists():
            password = people.new_password()
            keys.remember(**{name: password})
            people.create_user(username=name, role=role, password=password, by=CLI, now=now)
    return {user.username: user for user in User.objects.filter(username__in=[name for name, _ in content.PEOPLE])}


def _told_people() -> list[dict[str, str]]:
    kept = keys.read()
    return [
        {"user": name, "role": Role(role).label, "password": kept[name]}
        for name, role in content.PEOPLE
        if name in kept
    ]


def _plant_github(owner: User, now: datetime) -> None:
    by = Actor(user=owner, label=owner.username, via=CLI.via)
    with transaction.atomic():
        made = create_webhook_connection(
            name=content.GITHUB_CONNECTION,
            source=Source.GITHUB,
            owner=owner,
            by=by,
            now=now,
            tenant="harbor",
            allowed_actors=["mona-dev", "dana"],
        )
        item = create_item(
            connection=made.connection,
            kind=ItemKind.REPOSITORY,
            external_key=content.REPOSITORY,
            title="ferry-api",
            url=content.REPOSITORY_URL,
            by=by,
            now=now,
        )
    template = make_template(
        name="Pull request brief", notes=content.BRIEF_NOTES, owner=owner, now=now, about="A brief for the reviewer."
    )
    profile = make_profile(owner=owner, now=now)
    ids = {"template_id": template.pk, "profile_id": profile.pk}
    publish_document(owner, content.brief_trigger(connection_id=made.connection.pk, **ids), now)
    publish_document(owner, content.release_trigger(item_id=item.pk, **ids), now)


def _webhook_facts(url: str) -> dict[str, Any]:
    endpoint = WebhookEndpoint.objects.get(connection__name=content.GITHUB_CONNECTION)
    secret = Secret.objects.get(connection_id=endpoint.connection_id, name=SECRET_NAME, expires_at=None)
    card = ContextItem.objects.get(connection_id=endpoint.connection_id, external_key=content.REPOSITORY)
    return {
        "github_webhook_url": f"{url}/hooks/{endpoint.path}",
        "github_webhook_secret": secret.value,
        "github_item_id": card.pk,
    }


def _tell_simulators(facts: dict[str, Any]) -> None:
    """``run/demo.json`` for ``./dct simulate`` and the buttons, ``run/demo.env`` for the README's curl line (0600)."""
    data = Path(settings.DCT_DATA_DIR)
    simulators.tell(data, **facts)
    shell = f"DCT_WEBHOOK_URL={facts['github_webhook_url']}\nDCT_WEBHOOK_SECRET={facts['github_webhook_secret']}\n"
    descriptor = os.open(data / "run" / "demo.env", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(shell)


def _leave_example(now: datetime) -> None:
    """``run/pull_request.json``, what the README's curl line sends: of today, and the same bytes at every start.

    Another text under the same delivery id would be a conflict of keys, not a duplicate.
    """
    path = Path(settings.DCT_DATA_DIR) / "run" / "pull_request.json"
    if not path.exists():
        path.write_bytes(github.body_of("pull_request", number=content.EXAMPLE_NUMBER, now=now))
