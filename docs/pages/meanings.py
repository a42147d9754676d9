"""What each status word means, in one clause; a word without one keeps the page from being written."""

from collections.abc import Mapping

from dct_site.kernel.statuswords import Kind

TITLES: Mapping[Kind, str] = {
    Kind.EXECUTION: "Execution",
    Kind.ATTENTION: "What an execution that needs you waits for",
    Kind.TRIGGER: "Trigger",
    Kind.DECISION: "Decision",
    Kind.SUPPRESSED: "Why a decision is suppressed",
    Kind.DELIVERY: "Delivery",
    Kind.DELIVERABLE: "Deliverable",
    Kind.CHECK: "Check of a deliverable",
    Kind.AGENT: "Agent",
    Kind.WORKSPACE: "Workspace",
    Kind.LISTENER: "Listener",
    Kind.HEALTH: "Health",
    Kind.FIRING: "Part of an event in an execution",
    Kind.BULK_REPLAY: "Bulk replay",
    Kind.WATCH: "Watch (an armed absence)",
    Kind.SLOT: "Slot of a schedule",
    Kind.ERASURE: "Erasure",
}

_LATER = "for a part that is still to come; nothing answers this today"

MEANINGS: Mapping[Kind, Mapping[str, str]] = {
    Kind.EXECUTION: {
        "queued": "waits for a slot or its time, with position and reason; holds nothing",
        "starting": "admitted: workspace, context and agent are prepared; holds a workspace and an agent slot",
        "running": "its agent works",
        "verifying": "its agent says done; the gate looks at the deliverables",
        "needs_attention": "a person must act; holds its workspace slot, not the agent's",
        "succeeded": "every required deliverable is satisfied or waived",
        "failed": "it did not work; `dead_lettered_at` is set when its attempts ran out",
        "timed_out": "its deadline passed; its agent was stopped",
        "expired": "it waited in the queue for too long",
        "cancelled": "a person ended it, or stopped its agent, or a newer event took its place; the reason says which",
    },
    Kind.ATTENTION: {
        "review": "a draft workspace waits to be approved or rejected",
        "question": "the agent asked something",
        "unsatisfied": "the agent is done, a required deliverable does not hold, and its rounds are used up",
        "approval": _LATER,
    },
    Kind.TRIGGER: {
        "new": "nothing of it is published; it is not asked",
        "active": "decides and acts",
        "shadow": "decides and records, does not act",
        "paused": "decides, answers `suppressed: paused`, starts nothing; what it missed fires only by replay",
        "disabled": "is not asked; explain says so",
    },
    Kind.DECISION: {
        "fired": "an execution exists",
        "shadowed": "it would have fired; the trigger stands in shadow",
        "not_matched": "its conditions do not hold; computed again when asked, with the reasons",
        "suppressed": "its conditions hold, and a rule kept it from firing",
        "error": "nobody can tell; the reason stands beside it",
    },
    Kind.SUPPRESSED: {
        "paused": "the trigger is paused",
        "source_paused": "the connection is paused or switched off",
        "cooldown": "it fired a short while ago and its policy is to skip; says until when",
        "rate": "it fired as often as its `rate_limit` allows in the window; says until when",
        "overlap": "a run of the trigger for the same item is not over, or as many wait as may; says which",
        "own_write": "DCT itself, by one of the connection's `own_actors`, caused it",
        "hop_limit": "it is more than 5 steps away from an outside change",
        "stale": "it was older than the trigger's `stale_after_s` when it was decided",
        "late": "the item was known in a newer state already, and the trigger skips those",
        "storm": "it fired as often in a minute as its `storm_limit` allows, and was paused with that reason",
        "owner_rights": "the trigger's owner may no longer do or see what it takes",
        "feature_disabled": _LATER,
    },
    Kind.DELIVERY: {
        "received": "it is stored and waits to be decided",
        "decided": "its events, if any, have their answers",
        "refused": "its sender is known, its content is of no use",
        "rejected": "the door turned it away; kept to be looked at, decides nothing",
        "error": "it could not be decided; set aside so that the others go on",
    },
    Kind.DELIVERABLE: {
        "pending": "not looked at yet",
        "satisfied": "every check passed when it was looked at last",
        "unsatisfied": "a check failed",
        "waived": "a person said that it is not needed, and why",
        "expired": "its deadline passed",
    },
    Kind.CHECK: {
        "pending": "waits for the file",
        "passed": "it holds",
        "failed": "it does not hold; says what was expected and what was found",
        "error": "it could not be checked",
    },
    Kind.AGENT: {
        "pending": "waits for a slot, or for its process",
        "starting": "its process is being started",
        "running": "its process lives; holds an agent slot",
        "stopping": "its process tree is being ended",
        "waiting": "no process; a person must answer; its slot is free for others",
        "completed": "it said done, and the gate agreed",
        "failed": "it ended without success and its attempts are used up",
        "stopped": "it was stopped; its conversation is kept",
    },
    Kind.WORKSPACE: {
        "building": "being cloned and filled; holds a workspace slot",
        "draft": "prepared, waits for review; its execution keeps the workspace slot",
        "active": "its agent may work in it; holds a workspace slot",
        "completed": "its work is done",
        "failed": "its work was not finished",
        "archived": "put away; its files stay",
    },
    Kind.LISTENER: {
        "healthy": "it hears what it should",
        "degraded": "the last polls failed or were slow; it goes on trying, and says when",
        "breaker_open": "several polls failed; it tries again later, and later still",
        "credential_expired": "the other side refuses the credential; replace it on the connection",
        "silent": "nothing was heard for much longer than ever before; told after a week of listening",
        "paused": "a person paused it",
    },
    Kind.HEALTH: {
        "healthy": "nothing is wrong",
        "warning": "something wants a look; each reason says what to do",
        "error": "something does not work; each reason says what to do",
    },
    Kind.FIRING: {
        "primary": "this event started the execution",
        "merged": "it joined a run that waited; the run works by the newest, the others lie in `context/merged.json`",
        "batched": "it joined a batch; the run finds all of it in `context/batch.json`",
    },
    Kind.BULK_REPLAY: {
        "running": "asks again, a few at a time",
        "paused": "a person paused it, or it cannot go on; the reason stands beside it",
        "done": "everything of its window came in again or was skipped, and what it started has ended",
        "cancelled": "a person ended it; what was asked already goes on",
    },
    Kind.WATCH: {
        "armed": "its time runs; at its due time it comes back as an event of its own",
        "elapsed": "its time was up; whether nothing came is the answer to the event that says so",
        "disarmed": "an event broke the silence, or began it anew",
        "ended": "its trigger asks for it no longer",
    },
    Kind.SLOT: {
        "fired": "it became one event, on time or to make up for one that was missed",
        "missed": "nobody looked at the clock when it was due, and the schedule's policy leaves it out",
    },
    Kind.ERASURE: {
        "running": "takes away a few events at a time with all that came of them, or waits for what still goes on",
        "done": "nothing of it is left but the keys",
    },
}
