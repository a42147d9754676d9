"""What the editor sends: the draft as one types, publishing, going back."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.operations import Operation
from accounts.views.answers import done, fragment, refused, with_toast
from accounts.views.base import SignedInView
from dct_site.kernel.edits import EditConflict
from dct_site.kernel.rest.problems import Problem as Refusal
from triggers.conditions.schema import Problem
from triggers.documents.priority import is_raised
from triggers.models import Trigger
from triggers.selectors.triggers import revisions_visible_to, triggers_visible_to
from triggers.services import drafts, publishing
from triggers.services.shadowing import publish_in_shadow
from triggers.services.validation import InvalidDocument
from triggers.views.draft_state import draft_state, samples_of
from triggers.views.editor import chosen_sample
from triggers.views.editor_document import document_from

OK, UNPROCESSABLE = 200, 422


class DraftView(SignedInView):
    """Finds the trigger, asks for the right, and knows how to answer with the state of the draft."""

    needed: Operation = Operation.MANAGE_TRIGGERS
    refusal = ""
    """A toast for somebody who asked for more than saving; the reasons stand where they may not be in sight."""

    def post(self, _request: HttpRequest, pk: int, **kwargs: Any) -> HttpResponse:
        trigger = self.find(triggers_visible_to(user=self.user), pk=pk)
        self.require(self.needed, trigger)
        try:
            return self.act(trigger, **kwargs)
        except InvalidDocument as invalid:
            return self.state(trigger, status=UNPROCESSABLE, extra=invalid.problems)
        except EditConflict:
            current = Trigger.objects.get(pk=trigger.pk)
            words = "Somebody else saved this draft meanwhile, so your last change is not stored."
            return self.state(current, status=UNPROCESSABLE, conflict=words, version=self.posted_version())

    def act(self, trigger: Trigger, **kwargs: Any) -> HttpResponse:
        return self.state(self.store(trigger))

    def store(self, trigger: Trigger) -> Trigger:
        """Save what was posted, if it differs from the draft. Raises InvalidDocument, EditConflict, Denied."""
        document = document_from(self.request.POST, draft=trigger.draft)
        version = self.posted_version()
        if document == trigger.draft and version == trigger.version:
            return trigger
        self.may_raise(document.get("priority"), trigger.draft.get("priority"))
        return drafts.save_draft(trigger=trigger, document=document, version=version, by=self.actor, now=self.now)

    def may_raise(self, wanted: Any, standing: Any) -> None:
        """A high priority that does not stand yet takes a right of its own."""
        if is_raised(wanted, standing):
            self.require(Operation.SET_HIGH_PRIORITY)

    def posted_version(self) -> int:
        """The version that the editor began with; one that is none is in conflict with every version."""
        text = self.request.POST.get("version", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

    def state(
        self,
        trigger: Trigger,
        *,
        status: int = 200,
        conflict: str = "",
        extra: list[Problem] | None = None,
        version: int | None = None,
    ) -> HttpResponse:
        """The state of the draft as the editor's fragment. ``version``: what the editor keeps as its own."""
        samples = samples_of(trigger, user=self.user)
        sample = chosen_sample(samples, _posted_id(self.request, "sample"))
        draft = draft_state(trigger, user=self.user, sample=sample, conflict=conflict, extra=extra or ())
        draft["problems"] = _once(draft["problems"])
        if version is not None:
            draft["version"] = version
        context = {"draft": draft, "oob": True, "now": self.now}
        response = fragment(self.request, "triggers/_draft_state.html", context, status=status)
        return with_toast(response, self.refusal, tone="bad") if status != OK and self.refusal else response


class SaveDraft(DraftView):
    """Every change of the editor."""


class Publish(DraftView):
    """The draft as it stands in the editor becomes the revision that decides."""

    needed = Operation.PUBLISH_TRIGGERS
    refusal = "Not published: what has to be mended stands beside the conditions."

    def act(self, trigger: Trigger, **kwargs: Any) -> HttpResponse:
        row = self.store(trigger)
        self.may_raise(row.draft.get("priority"), row.priority)
        revision = self.publish()(trigger=row, by=self.actor, now=self.now, version=row.version)
        goto = reverse("trigger", args=[trigger.pk])
        return done(self.request, self.words(trigger, revision.number), goto=goto)

    def publish(self) -> Callable[..., Any]:
        return publishing.publish

    def words(self, trigger: Trigger, number: int) -> str:
        return f"Revision {number} of {trigger.name} decides from now on."


class Shadow(Publish):
    """The same, but it only records what it would do."""

    def publish(self) -> Callable[..., Any]:
        return publish_in_shadow

    def words(self, trigger: Trigger, number: int) -> str:
        return f"Revision {number} of {trigger.name} decides in shadow: it records, and starts nothing."


class Discard(DraftView):
    """Back to what is published."""

    def act(self, trigger: Trigger, **kwargs: Any) -> HttpResponse:
        if trigger.published is None:
            return refused(
                self.request, Refusal(409, "not_published", "Nothing is published that one could go back to.")
            )
        document = trigger.published.document
        drafts.save_draft(trigger=trigger, document=document, version=trigger.version, by=self.actor, now=self.now)
        return done(self.request, "The draft is discarded.", reload=True)


class Rollback(DraftView):
    """An earlier revision's content, published again."""

    needed = Operation.PUBLISH_TRIGGERS

    def act(self, trigger: Trigger, **kwargs: Any) -> HttpResponse:
        rows = revisions_visible_to(user=self.user, trigger=trigger)
        revision = self.find(rows, number=kwargs["number"])
        self.may_raise(revision.document.get("priority"), trigger.priority)
        try:
            made = publishing.rollback(trigger=trigger, revision=revision, by=self.actor, now=self.now)
        except InvalidDocument as invalid:
            words = f"Revision {revision.number} no longer stands. {invalid}"
            return refused(self.request, Refusal(409, "invalid", words))
        text = f"Revision {made.number} decides from now on; it says what revision {revision.number} said."
        return done(self.request, text, goto=reverse("trigger", args=[trigger.pk]))


def _posted_id(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _once(problems: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each sentence once: what kept a document from being published is found again in the stored draft."""
    return list({problem["message"]: problem for problem in problems}.values())
