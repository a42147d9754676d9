"""The buttons on the demo's cards that let a simulator write. There are none where no demo runs."""

import json
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.urls import reverse

from workspaces.models import ContextItem


def demo_buttons() -> dict[str, dict[str, str]]:
    """{"id:12" or "key:…" of a card: {"url", "label"}}, from ``run/demo.json``, which only a demo has."""
    path = Path(settings.DCT_DATA_DIR) / "run" / "demo.json"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    mail = told.get("mail") or {}
    address = told.get("address") or (mail.get("address") if isinstance(mail, dict) else None)
    pull = {"url": reverse("demo-send", args=["pull-request"]), "label": "Send a test pull request"}
    letter = {"url": reverse("demo-send", args=["mail"]), "label": "Send a test mail"}
    found = {f"id:{told['github_item_id']}": pull} if told.get("github_item_id") else {}
    return {**found, f"key:{address}": letter} if address else found


def button_for(item: ContextItem, buttons: Mapping[str, dict[str, str]]) -> dict[str, str] | None:
    """The button on an item's card, or None."""
    return buttons.get(f"id:{item.pk}") or (buttons.get(f"key:{item.external_key}") if item.is_watched else None)
