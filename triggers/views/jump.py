"""What the jump dialog finds as one types: cards and items, triggers, executions."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.base import PageView
from accounts.views.filtering import LARGEST_ID, searched
from dct_site.kernel.statuswords import source_icon_name
from triggers.selectors.executions import executions_visible_to
from triggers.selectors.triggers import triggers_visible_to
from triggers.views.links import execution_number, execution_title, link_to_item
from workspaces.enums import ItemKind
from workspaces.selectors.library import items_visible_to

EACH = 6
LONGEST_KEY = 40


class Jump(PageView):
    """The found things as list items with one link each."""

    operation = Operation.VIEW
    template_name = "components/found.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        text = searched(self.request)
        found = [*self._executions(text), *self._triggers(text), *self._items(text)] if text else []
        return {"found": found, "text": text}

    def _triggers(self, text: str) -> Iterator[dict[str, str]]:
        for trigger in triggers_visible_to(user=self.user).filter(name__icontains=text).order_by("name", "id")[:EACH]:
            url = reverse("trigger", args=[trigger.pk])
            yield {"url": url, "icon": "lightning-charge", "label": trigger.name, "group": "Trigger"}

    def _items(self, text: str) -> Iterator[dict[str, str]]:
        rows = items_visible_to(user=self.user)
        rows = rows.filter(Q(title__icontains=text) | Q(external_key__icontains=text))
        for item in rows.order_by("-is_watched", "-changed_at", "-id")[:EACH]:
            link, kind = link_to_item(item), ItemKind(item.kind).label
            # Two of one title are told apart by their keys, where a key is short enough to be read.
            is_told = item.external_key != link["label"] and len(item.external_key) <= LONGEST_KEY
            yield {
                "url": link["url"],
                "icon": source_icon_name(item.connection.source),
                "label": link["label"],
                "group": f"{kind} {item.external_key}" if is_told else kind,
            }

    def _executions(self, text: str) -> Iterator[dict[str, str]]:
        rows = executions_visible_to(user=self.user)
        digits = text.upper().removeprefix("EX-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) < 19 and int(digits) <= LARGEST_ID
        wanted = Q(pk=int(digits)) if is_number else Q(workspace__title__icontains=text)
        for run in rows.filter(wanted).order_by("-id")[:EACH]:
            yield {
                "url": reverse("execution", args=[run.pk]),
                "icon": "play-circle",
                "label": execution_title(run),
                "group": execution_number(run.pk),
            }
