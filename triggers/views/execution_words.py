"""The one sentence that an execution's page opens with: what happened and why."""

from datetime import datetime

from agents.models import AgentMessage
from dct_site.templatetags.spans import duration_words
from deliverables.enums import DeliverableStatus
from triggers.enums import Attention, ExecutionStatus
from triggers.models import Execution
from triggers.selectors.executions import Detail
from triggers.views.executions import taken

Sentence = dict[str, str]
_HOLDING = (DeliverableStatus.SATISFIED, DeliverableStatus.WAIVED)


def answer_of(detail: Detail, *, now: datetime) -> Sentence | None:
    """None while it simply waits or runs."""
    execution = detail.execution
    status = ExecutionStatus(execution.status)
    if status == ExecutionStatus.NEEDS_ATTENTION:
        return _asked(detail)
    if status == ExecutionStatus.SUCCEEDED:
        return _succeeded(detail, now)
    tone, icon, strong = _ENDS.get(status, ("", "", ""))
    if not strong:
        return None
    return _sentence(tone, icon, strong, _more(execution))


_ENDS = {
    ExecutionStatus.FAILED: ("bad", "x-octagon-fill", "It failed."),
    ExecutionStatus.TIMED_OUT: ("bad", "alarm", "It ran out of time."),
    ExecutionStatus.CANCELLED: ("off", "slash-circle", "It was cancelled."),
    ExecutionStatus.EXPIRED: ("off", "hourglass-bottom", "It waited too long and never started."),
}


def last_question(workspace_id: int | None, agent_ids: list[int]) -> str:
    """What the latest agent asked; empty where it asked nothing."""
    if workspace_id is None or not agent_ids:
        return ""
    said = AgentMessage.objects.filter(agent_id=agent_ids[-1]).order_by("-seq")[:50]
    return next((message.text for message in said if message.data.get("question")), "")


def _asked(detail: Detail) -> Sentence:
    execution = detail.execution
    attention = Attention(execution.attention)
    if attention == Attention.REVIEW:
        strong = "The workspace is prepared and waits for your review. No agent has started."
        return _sentence("warn", "pencil-square", strong, execution.reason)
    if attention == Attention.QUESTION:
        question = last_question(execution.workspace_id, [agent.pk for agent in detail.agents])
        return _sentence("warn", "chat-left-dots-fill", "The agent asks and waits for your answer.", question)
    if attention == Attention.UNSATISFIED:
        strong = "What was asked for does not hold, and the agent could not mend it."
        return _sentence("bad", "x-square-fill", strong, execution.reason or "Tell it what to do, or waive what fails.")
    return _sentence("warn", "person-raised-hand", "It waits for an approval.", execution.reason)


def _succeeded(detail: Detail, now: datetime) -> Sentence:
    took = taken(detail.execution, now=now)
    strong = f"Done in {duration_words(took)}." if took is not None else "Done."
    rows = detail.deliverables
    if not rows:
        return _sentence("good", "check-circle-fill", strong, "Nothing was asked for as proof.")
    holding = sum(row.status in _HOLDING for row in rows)
    waived = sum(row.status == DeliverableStatus.WAIVED for row in rows)
    text = f"{holding} of {len(rows)} deliverable{'' if len(rows) == 1 else 's'} hold{'s' if holding == 1 else ''}"
    return _sentence("good", "check-circle-fill", strong, f"{text}, {waived} waived." if waived else f"{text}.")


def _more(execution: Execution) -> str:
    reason = execution.reason
    if execution.dead_lettered_at is None:
        return reason
    tries = f"{execution.attempt} attempt{'' if execution.attempt == 1 else 's'}"
    return f"{reason} It was given up after {tries}; replay the event to try again.".strip()


def _sentence(tone: str, icon: str, strong: str, text: str = "") -> Sentence:
    return {"tone": tone, "icon": icon, "strong": strong, "text": text}
