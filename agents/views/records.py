"""Agents that were stopped or replaced: the list, the page of one, and what a person does with one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done
from accounts.views.base import PageView, SignedInView
from accounts.views.filtering import Choice, Filters, Pin, searched, wanted_id
from accounts.views.lists import ListPage
from agents.enums import AgentStatus
from agents.models import Agent, ObsoleteAgentRecord
from agents.selectors.agents import agents_visible_to
from agents.selectors.records import changed_files, records_visible_to
from agents.services import record_rules, restoring
from agents.services.comparing import Comparison, FilePair, Side, compare, said_by
from agents.views.talk import said_shown

STATE = Choice("state", "State", "Any state", [("kept", "Kept"), ("pinned", "Pinned"), ("purged", "No longer kept")])
SHOWN_MESSAGES = 50
SHOWN_FILES = 50
CHOICES = 50
RESTORE_LINES = (
    "A new agent is given this conversation and checkpoint, and goes on in the same workspace, as its files are now.",
    "It works with the profile as that is now, and waits for a slot as every other.",
)
_STATES: Mapping[str, dict[str, bool]] = {
    "kept": {"purged_at__isnull": True},
    "pinned": {"pinned_at__isnull": False},
    "purged": {"purged_at__isnull": False},
}


class RecordsPage(ListPage[ObsoleteAgentRecord]):
    """Every agent that was put away and that the person may see."""

    operation = Operation.VIEW
    page = "agents"
    template_name = "agents/records.html"
    name: ClassVar[str] = "records"

    def rows(self) -> QuerySet[ObsoleteAgentRecord]:
        rows = records_visible_to(user=self.user)
        if value := STATE.chosen(self.request):
            rows = rows.filter(**_STATES[value])
        if (workspace := wanted_id(self.request, "workspace")) is not None:
            rows = rows.filter(workspace_id=workspace)
        if words := searched(self.request):
            rows = rows.filter(agent__profile__name__icontains=words) | rows.filter(workspace__title__icontains=words)
        return rows

    def filters(self) -> Filters:
        pins = [Pin("workspace", "one workspace")] if wanted_id(self.request, "workspace") is not None else []
        return Filters("Filter replaced agents", (STATE,), "Profile or workspace", pins)

    def context(self, **kwargs: Any) -> dict[str, Any]:
        rules = reverse("record-rules") if self.may(Operation.SET_LIMITS) else ""
        return {**super().context(**kwargs), "rules_url": rules}

    def shown(self, rows: Sequence[ObsoleteAgentRecord]) -> list[dict[str, Any]]:
        return [_row(row) for row in rows]


class RecordPage(PageView):
    """One of them: why it was put away, what it had done to its files, what was said."""

    operation = Operation.VIEW
    page = "agents"
    template_name = "agents/record.html"
    parts: ClassVar = {"messages": "agents/_kept_messages.html", "changes": "agents/_kept_changes.html"}

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self.find(records_visible_to(user=self.user), pk=kwargs["pk"])
        is_raw, part = self.may(Operation.VIEW_RAW, row), self.request.GET.get("part", "")
        after = wanted_id(self.request, "after") or 0
        record: dict[str, Any] = _row(row)
        if part:
            self.require(Operation.VIEW_RAW, row)
            return {"record": record | (self._said(row, after) if part == "messages" else self._changed(row, after))}
        if is_raw and row.purged_at is None:
            record |= self._said(row, after) | self._changed(row, 0)
            record["choices"] = self._choices(row)
            record["checkpoint"] = json.dumps(row.checkpoint, ensure_ascii=False) if row.checkpoint else ""
            record["compare_url"] = reverse("record-compare", args=[row.pk])
        return {"record": {**record, "is_raw": is_raw, **self._facts(row), **self._acts(row)}}

    def _said(self, row: ObsoleteAgentRecord, after: int) -> dict[str, Any]:
        side = Side(row.agent, row, {}, {}, row.message_count, "", "", row.at)
        return _range(side, after, row.message_count, f"{reverse('record', args=[row.pk])}?after=")

    def _changed(self, row: ObsoleteAgentRecord, after: int) -> dict[str, Any]:
        files = changed_files(row, after=after, limit=SHOWN_FILES)
        url = f"{reverse('record', args=[row.pk])}?part=changes&after={after + len(files)}"
        more = after + len(files) < (row.change_count or 0)
        return {"files": [_file(one) for one in files], "more_files_url": url if more else ""}

    def _choices(self, row: ObsoleteAgentRecord) -> list[dict[str, str]]:
        """What it may be compared with: others of its workspace first, then of its profile."""
        records = records_visible_to(user=self.user, operation=Operation.VIEW_RAW).filter(purged_at=None)
        agents = agents_visible_to(user=self.user, operation=Operation.VIEW_RAW).filter(obsolete_record=None)
        found: dict[str, str] = {}
        for near in ({"workspace": row.workspace_id}, {"agent__profile": row.agent.profile_id}):
            for one in records.filter(**near).exclude(pk=row.pk)[:CHOICES]:
                found[f"record:{one.pk}"] = f"Agent {one.agent_id}, put away {one.at:%Y-%m-%d %H:%M}: {one.reason[:60]}"
        for near in ({"workspace": row.workspace_id}, {"profile": row.agent.profile_id}):
            for agent in agents.filter(**near)[:CHOICES]:
                found[f"agent:{agent.pk}"] = f"Agent {agent.pk}, {AgentStatus(agent.status).label.lower()}"
        return [{"value": value, "label": label} for value, label in found.items()][: 2 * CHOICES]

    def _facts(self, row: ObsoleteAgentRecord) -> dict[str, Any]:
        restored = agents_visible_to(user=self.user).filter(restored_from=row)
        return {
            "profile": row.profile,
            "runtime": row.profile.get("runtime", ""),
            "message_count": row.message_count,
            "change_count": row.change_count,
            "is_changes_cut": row.is_changes_cut,
            "pinned_by": row.pinned_by,
            "is_changed_profile": row.profile.get("version") != row.agent.profile.version,
            "restored": [{"url": reverse("agent", args=[one.pk]), "name": f"Agent {one.pk}"} for one in restored[:10]],
        }

    def _acts(self, row: ObsoleteAgentRecord) -> dict[str, Any]:
        if not self.may(Operation.CONTROL_AGENTS, row) or row.purged_at is not None:
            return {}
        pin = "record-unpin" if row.pinned_at is not None else "record-pin"
        problem = restoring.why_not(row)
        return {
            "pin_url": reverse(pin, args=[row.pk]),
            "restore_url": "" if problem else reverse("record-restore", args=[row.pk]),
            "not_restorable": problem,
            "restore_lines": RESTORE_LINES,
        }


class ComparePage(PageView):
    """A record beside another, or beside an agent as it is now (``?with=record:5`` or ``agent:7``)."""

    operation = Operation.VIEW
    page = "agents"
    template_name = "agents/compare.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        row = self.find(records_visible_to(user=self.user), pk=kwargs["pk"])
        self.require(Operation.VIEW_RAW, row)
        found = compare(row, self._other())
        files = [_pair(one) for one in found.files] if found.files is not None else None
        return {
            "record": _row(row),
            "sides": [self._side(side, name, found) for side, name in ((found.left, "left"), (found.right, "right"))],
            "same_messages": found.same_messages,
            "is_all_same": found.same_messages == found.left.messages == found.right.messages,
            "is_cut": found.is_cut,
            "checkpoint_differs": found.checkpoint_differs,
            "profile_rows": [
                {"name": name, "left": found.left.profile.get(name), "right": found.right.profile.get(name)}
                for name in found.profile_differs
            ],
            "files": files,
        }

    def _other(self) -> ObsoleteAgentRecord | Agent:
        kind, _, number = self.request.GET.get("with", "").partition(":")
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise Http404
        raw = Operation.VIEW_RAW
        if kind == "record":
            return self.find(records_visible_to(user=self.user, operation=raw), pk=int(number))
        if kind == "agent":
            return self.find(agents_visible_to(user=self.user, operation=raw), pk=int(number))
        raise Http404

    def _side(self, side: Side, name: str, found: Comparison) -> dict[str, Any]:
        """What it says from the first message on that differs; the rest is on its own page."""
        url = reverse("record", args=[side.record.pk]) if side.record else reverse("agent", args=[side.agent.pk])
        rest = f"{url}?after=" if side.record is not None else ""
        shown = _range(side, found.same_messages, side.messages, rest)
        for message in shown["messages"]:
            message["id"] = f"{name}-{message['id']}"  # both sides number from 1
        more = shown["more_href"] or (url if shown["is_more"] else "")
        return {
            "name": f"Agent {side.agent.pk}",
            "profile": side.profile.get("name", ""),
            "url": url,
            "is_record": side.record is not None,
            "status": side.agent.status,
            "count": side.messages,
            "reason": side.reason,
            "by": side.by,
            "at": side.at,
            "messages": shown["messages"],
            "more_href": more,
        }


class RestoreRecord(SignedInView):
    """Go on from it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(records_visible_to(user=self.user), pk=pk)
        self.require(Operation.CONTROL_AGENTS, row)
        agent = restoring.restore(record=row, by=self.actor, now=self.now)
        return done(request, "It goes on when a slot is free.", goto=reverse("agent", args=[agent.pk]))


class PinRecord(SignedInView):
    """It stays, whatever the rules say."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(records_visible_to(user=self.user), pk=pk)
        changed = record_rules.pin(record=row, by=self.actor, now=self.now)
        return done(request, "It stays." if changed else "Nothing changed.", reload=True)


class UnpinRecord(SignedInView):
    """The rules hold for it again."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.find(records_visible_to(user=self.user), pk=pk)
        changed = record_rules.unpin(record=row, by=self.actor, now=self.now)
        return done(request, "The rules hold for it again." if changed else "Nothing changed.", reload=True)


def _row(row: ObsoleteAgentRecord) -> dict[str, Any]:
    return {
        "id": row.pk,
        "url": reverse("record", args=[row.pk]),
        "name": row.profile.get("name", ""),
        "agent_id": row.agent_id,
        "agent_url": reverse("agent", args=[row.agent_id]),
        "title": row.workspace.title,
        "workspace_url": reverse("workspace", args=[row.workspace_id]),
        "reason": row.reason,
        "by": row.by_label,
        "at": row.at,
        "is_pinned": row.pinned_at is not None,
        "purged_at": row.purged_at,
        "stored_bytes": row.stored_bytes,
    }


def _range(side: Side, after: int, count: int, href: str) -> dict[str, Any]:
    """Messages after ``after``, and where the next ones are."""
    lines = list(said_by(side, after=after, limit=SHOWN_MESSAGES))
    last = lines[-1]["seq"] if lines else after
    is_more = last < count and bool(lines)
    more = f"{href}{last}" if is_more and href else ""
    return {
        "messages": said_shown(side.agent, lines),
        "is_more": is_more,
        "more_href": more,
        "more_url": f"{more}&part=messages" if more else "",
        "is_first": after == 0,
    }


def _file(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "lines": [{"css": _tone(line), "text": line} for line in row["diff"].split("\n") if row["diff"]]}


def _tone(line: str) -> str:
    return {"+": "ins", "-": "del"}.get(line[:1], "")


def _pair(pair: FilePair) -> dict[str, Any]:
    sides = [_file(side) if side is not None else None for side in (pair.left, pair.right)]
    return {"path": pair.path, "is_same": pair.is_same, "left": sides[0], "right": sides[1]}
