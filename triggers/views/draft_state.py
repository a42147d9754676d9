"""What stands beside a draft while it is edited: problems, the answer for a sample, words, what would change."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from accounts.models import User
from dct_site.kernel.clock import utcnow
from dct_site.templatetags.spans import ago_words
from triggers.conditions.describe import describe_lines, summary
from triggers.conditions.path_list import paths_in
from triggers.conditions.schema import Problem, normalise, validate
from triggers.conditions.verdict import shown
from triggers.models import Event, Trigger, TriggerRevision
from triggers.selectors.events import events_heard_by, events_visible_to, meant_for
from triggers.services.decide.past import past_of
from triggers.services.explain import item_then
from triggers.services.judge import event_facts, judge
from triggers.services.publishing import Difference, diff_revisions
from triggers.services.validation import document_problems

SAMPLES = 20
CHANGES_SHOWN = 20
LONGEST_VALUE = 80
DEEPEST = 6
"""Lines deeper than this are indented no further."""
Shown = dict[str, Any]


def draft_state(
    trigger: Trigger, *, user: User, sample: Event | None, conflict: str = "", extra: Sequence[Problem] = ()
) -> Shown:
    """For ``triggers/_draft_state.html``. ``conflict`` says who saved meanwhile; nothing of this editor is stored then.

    ``extra`` are problems that kept what was typed from being stored at all.
    """
    draft: Any = trigger.draft
    problems = [*extra, *document_problems(document=draft, owner=user)]
    is_sound = not any(problem.path.startswith("conditions") for problem in problems) and not validate(
        draft.get("conditions")
    )
    answer, node = _judged(trigger, sample) if is_sound else (None, None)
    changes = _changes(trigger)
    return {
        "version": trigger.version,
        "saved_at": trigger.updated_at if changes else None,
        "conflict": conflict,
        "problems": [{"path": problem.path, "message": problem.message} for problem in problems],
        "words": _words(draft["conditions"]) if is_sound else [],
        "paths": _paths(sample),
        "has_sample": sample is not None,
        "answer": answer,
        "node": node,
        "changes": changes,
    }


def _words(conditions: Any) -> list[Shown]:
    """A line for each condition; a group of one needs none of its own."""
    lines = describe_lines(conditions)
    if len(lines) == 2:
        lines = [replace(lines[1], depth=0)]
    return [{"depth": min(line.depth, DEEPEST), "text": line.text} for line in lines]


def _paths(sample: Event | None) -> list[Shown]:
    """What the fields of a condition may look at, as the sample has it."""
    if sample is None:
        return []
    item, _ = item_then(sample)
    return [{"path": path, "value": shown(value)} for path, value in paths_in(event_facts(sample), item)]


def samples_of(trigger: Trigger, *, user: User) -> list[Event]:
    """The last events that the draft would have been asked about, newest first."""
    rows = events_visible_to(user=user).filter(events_heard_by(trigger.draft), meant_for(trigger.pk), purged_at=None)
    return list(rows.order_by("-id")[:SAMPLES])


def shown_samples(samples: Sequence[Event], chosen: Event | None) -> list[Shown]:
    """For the select above the conditions."""
    now = utcnow()
    return [
        {
            "value": event.pk,
            "label": f"{event.type}, {ago_words(event.time, now)}",
            "selected": chosen is not None and event.pk == chosen.pk,
        }
        for event in samples
    ]


def _judged(trigger: Trigger, sample: Event | None) -> tuple[Shown | None, Shown | None]:
    if sample is None:
        return None, None
    item, is_purged = item_then(sample)
    if is_purged:
        words = "What it said, or what its item was then, is no longer kept. Choose another sample."
        return {"tone": "off", "icon": "question-circle", "strong": "Cannot tell", "text": words}, None
    # As it would be published: an absence is known by what it says.
    draft = {**trigger.draft, "conditions": normalise(trigger.draft.get("conditions"))}
    past = past_of(sample, conditions=draft["conditions"], trigger_id=trigger.pk)
    verdict = judge(document=draft, event=event_facts(sample), item=item, past=past)
    looks = {
        True: ("good", "lightning-charge-fill", "It would fire"),
        False: ("off", "dash-circle", "It would not fire"),
    }
    tone, icon, strong = ("bad", "bug-fill", "It could not decide") if verdict.error else looks[verdict.matched]
    answer = {"tone": tone, "icon": icon, "strong": strong, "text": summary(verdict)}
    return answer, dict(verdict.because.as_json())


def _changes(trigger: Trigger) -> list[str]:
    if trigger.published is None:
        return ["Everything: nothing is published yet"]
    return differences_in_words(trigger.published, TriggerRevision(trigger=trigger, document=trigger.draft))


def differences_in_words(older: TriggerRevision, newer: TriggerRevision) -> list[str]:
    """A line for each place, of a long list the first."""
    found = [_in_words(one) for one in diff_revisions(older=older, newer=newer)]
    more = len(found) - CHANGES_SHOWN
    return [*found[:CHANGES_SHOWN], *([f"And {more} more"] if more > 0 else [])]


def _in_words(difference: Difference) -> str:
    return f"{difference.path}: {_value(difference.after)}, was {_value(difference.before)}"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
