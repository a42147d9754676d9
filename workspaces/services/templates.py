"""Templates: made, edited, filled with files, put away."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.actor import Actor
from accounts.models import User
from accounts.services import audit
from dct_site.kernel.edits import edit
from workspaces import files
from workspaces.enums import ContextKind, ContextRefreshMode
from workspaces.files import places
from workspaces.files.names import strict_parts_of
from workspaces.models import ContextItem, TemplateContext, WorkspaceTemplate
from workspaces.services.untrusted import strip_invisible

FILE_BYTES = 16 * 1024 * 1024
_EDITABLE = ("name", "description", "title_pattern", "context_refresh_mode", "options")


class BadTemplate(ValueError):
    """The template cannot be saved like this; ``problems`` maps a field to a sentence."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True)
class ContextWish:
    """One file that every clone gets: ``path`` below ``context/``, an item's state or a fixed text."""

    path: str
    kind: ContextKind
    item: ContextItem | None = None
    text: str = ""


def create(
    *,
    name: str,
    owner: User,
    by: Actor,
    now: datetime,
    description: str = "",
    title_pattern: str = "{trigger.name}: {item.title}",
    context_refresh_mode: ContextRefreshMode = ContextRefreshMode.TRIGGERING_ITEM,
    options: object = None,
    context: Sequence[ContextWish] = (),
) -> WorkspaceTemplate:
    """A template with an empty directory; ``options`` are an object of names and values. Raises BadTemplate."""
    template = WorkspaceTemplate(
        name=strip_invisible(name).strip(),
        description=description,
        title_pattern=title_pattern,
        context_refresh_mode=context_refresh_mode,
        # What is no object stays as it is, for the check to say so.
        options={} if options is None else dict(options) if isinstance(options, Mapping) else options,
        directory=secrets.token_hex(16),
        owner=owner,
        created_at=now,
        updated_at=now,
    )
    _check(_fields(template), context)
    # The directory first: a directory without a row is only litter, a row without its directory cannot be cloned.
    files.make_directories(files.template_root(template), places.FEEDBACK, places.WORK)
    with transaction.atomic():
        template.save(force_insert=True)
        _put_context(template, context)
        audit.record(by=by, action="template.created", obj=template, now=now, after=_fields(template))
    return template


def update(
    *,
    template: WorkspaceTemplate,
    version: int,
    by: Actor,
    now: datetime,
    context: Sequence[ContextWish] | None = None,
    **fields: Any,
) -> WorkspaceTemplate:
    """Change fields (name, description, title_pattern, context_refresh_mode, options) and, where given, all context
    rows. Raises BadTemplate, or EditConflict where ``version`` is not the current one.
    """
    unknown = set(fields) - set(_EDITABLE)
    if unknown:
        raise BadTemplate({name: f"{name} cannot be changed." for name in sorted(unknown)})
    before = _fields(template)
    _check({**before, **fields}, context or ())
    with transaction.atomic():
        edit(template, version=version, updated_at=now, **fields)
        if context is not None:
            TemplateContext.objects.filter(template=template).delete()
            _put_context(template, context)
        audit.record(by=by, action="template.updated", obj=template, now=now, before=before, after=_fields(template))
    return template


def archive(*, template: WorkspaceTemplate, by: Actor, now: datetime) -> WorkspaceTemplate:
    """Put it away: triggers that name it say so when they fire; workspaces made from it stay."""
    with transaction.atomic():
        edit(template, is_archived=True, updated_at=now)
        audit.record(by=by, action="template.archived", obj=template, now=now, after={"is_archived": True})
    return template


def put_file(*, template: WorkspaceTemplate, path: str, content: bytes, by: Actor, now: datetime) -> None:
    """Write a file below ``work/`` or ``feedback/`` of the template. Raises FileTrouble."""
    _check_file_path(path)
    if len(content) > FILE_BYTES:
        raise files.NotAFile(f"A template's file has at most {FILE_BYTES // 2**20} MiB.")
    files.write_atomic(files.template_root(template), path, content)
    _record_file(template, path, len(content), "template.file_written", by, now)


def delete_file(*, template: WorkspaceTemplate, path: str, by: Actor, now: datetime) -> bool:
    """Remove a file of the template; False where there was none."""
    _check_file_path(path)
    is_gone = files.delete_file(files.template_root(template), path)
    if is_gone:
        _record_file(template, path, 0, "template.file_deleted", by, now)
    return is_gone


def _record_file(template: WorkspaceTemplate, path: str, size: int, action: str, by: Actor, now: datetime) -> None:
    with transaction.atomic():
        WorkspaceTemplate.objects.filter(pk=template.pk).update(updated_at=now)
        template.updated_at = now
        audit.record(by=by, action=action, obj=template, now=now, after={"path": path, "size": size})


def _check_file_path(path: str) -> None:
    parts = strict_parts_of(path)
    if parts[0] not in {places.WORK, places.FEEDBACK} or len(parts) < 2:
        raise files.BadPath("A template's files lie below work/ or feedback/; context/ is written when it is cloned.")


def _check(fields: Mapping[str, Any], context: Sequence[ContextWish]) -> None:
    problems = {}
    if not 1 <= len(fields["name"].strip()) <= 200:
        problems["name"] = "A name has 1 to 200 characters."
    if not 1 <= len(fields["title_pattern"].strip()) <= 500:
        problems["title_pattern"] = "A title pattern has 1 to 500 characters."
    if fields["context_refresh_mode"] not in ContextRefreshMode.values:
        problems["context_refresh_mode"] = f"Choose one of {', '.join(ContextRefreshMode.values)}."
    if not isinstance(fields["options"], dict):
        problems["options"] = "Options are an object of names and values."
    seen: set[str] = set()
    for wish in context:
        key = wish.path.casefold()
        problem = "This path is there twice." if key in seen else _wish_problem(wish)
        if problem:
            problems[f"context/{wish.path}"] = problem
        seen.add(key)
    if problems:
        raise BadTemplate(problems)


def _wish_problem(wish: ContextWish) -> str:
    try:
        strict_parts_of(wish.path)
    except files.BadPath as bad:
        return str(bad)
    if len(wish.path) > 200:
        return "A path has at most 200 characters."
    if wish.path.casefold() == "manifest.json":
        return "MANIFEST.json is written by DCT itself."
    return ""


def _put_context(template: WorkspaceTemplate, context: Sequence[ContextWish]) -> None:
    TemplateContext.objects.bulk_create(
        TemplateContext(template=template, path=wish.path, kind=wish.kind, item=wish.item, text=wish.text)
        for wish in context
    )


def _fields(template: WorkspaceTemplate) -> dict[str, Any]:
    return {name: getattr(template, name) for name in _EDITABLE}
