"""The closed vocabularies of agents, runs, intents and capacity, and where each may go."""

from django.db import models

from dct_site.kernel.moves import Machine, machine


class AgentStatus(models.TextChoices):
    """`running` covers the whole life of its process; an agent that stops for a person is `waiting`, without a slot."""

    PENDING = "pending", "Pending"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    WAITING = "waiting", "Waiting for an answer"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


AGENT_MOVES: Machine = machine(
    "agent",
    {
        AgentStatus.PENDING: [AgentStatus.STARTING, AgentStatus.STOPPED, AgentStatus.FAILED],
        AgentStatus.STARTING: [
            AgentStatus.RUNNING,
            AgentStatus.PENDING,
            AgentStatus.STOPPING,
            AgentStatus.FAILED,
            AgentStatus.STOPPED,
        ],
        AgentStatus.RUNNING: [
            AgentStatus.COMPLETED,
            AgentStatus.WAITING,
            AgentStatus.PENDING,
            AgentStatus.STOPPING,
            AgentStatus.FAILED,
            AgentStatus.STOPPED,
        ],
        AgentStatus.STOPPING: [AgentStatus.STOPPED, AgentStatus.FAILED, AgentStatus.COMPLETED],
        AgentStatus.WAITING: [AgentStatus.PENDING, AgentStatus.COMPLETED, AgentStatus.STOPPED, AgentStatus.FAILED],
        AgentStatus.COMPLETED: [],
        AgentStatus.FAILED: [],
        AgentStatus.STOPPED: [],
    },
)


class WaitsFor(models.TextChoices):
    """What a waiting agent needs from a person."""

    QUESTION = "question", "An answer"
    UNSATISFIED = "unsatisfied", "Deliverables that do not hold"


class RunStatus(models.TextChoices):
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    ENDED = "ended", "Ended"
    LOST = "lost", "Lost"


RUN_MOVES: Machine = machine(
    "run",
    {
        RunStatus.STARTING: [RunStatus.RUNNING, RunStatus.ENDED, RunStatus.LOST],
        RunStatus.RUNNING: [RunStatus.STOPPING, RunStatus.ENDED, RunStatus.LOST],
        RunStatus.STOPPING: [RunStatus.ENDED, RunStatus.LOST],
        RunStatus.ENDED: [],
        RunStatus.LOST: [],
    },
)


class RuntimeKind(models.TextChoices):
    """Built-in runtimes; the registry of runtimes is the authority on what can run."""

    DIGEST = "digest", "Digest (built in, no model)"
    COMMAND = "command", "Command (a registered program)"
    LLM = "llm", "Model (asked by DCT, works by file tools)"


class ModelApi(models.TextChoices):
    """What a model provider speaks."""

    ANTHROPIC = "anthropic", "Anthropic Messages"
    OPENAI = "openai", "OpenAI Responses"
    OPENAI_CHAT = "openai_chat", "OpenAI Chat Completions, and what is compatible (Ollama, vLLM, …)"


class TranscriptKind(models.TextChoices):
    """How a registered program tells what it does; the registry of transcripts is the authority."""

    LINES = "lines", "DCT's own lines, or plain text"
    CLAUDE_CODE = "claude_code", "Claude Code (stream-json)"
    CODEX = "codex", "Codex (exec --json)"
    OPENHANDS = "openhands", "OpenHands (headless, JSON)"
    AIDER = "aider", "aider"


class MessageKind(models.TextChoices):
    """What a line of a conversation is."""

    SYSTEM = "system", "DCT"
    INSTRUCTION = "instruction", "Instruction"
    TEXT = "text", "Agent"
    TOOL_CALL = "tool_call", "Tool call"
    TOOL_RESULT = "tool_result", "Tool result"
    OUTPUT = "output", "Output"
    ERROR_OUTPUT = "error_output", "Error output"
    GATE = "gate", "Completion gate"
    USAGE = "usage", "Usage"


class IntentKind(models.TextChoices):
    START = "start", "Start"
    STOP = "stop", "Stop"
    UPDATE = "update", "Update"
    NEWS = "news", "News"
    RESTORE = "restore", "Restore"


class IntentStatus(models.TextChoices):
    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    DROPPED = "dropped", "Dropped"


class Strategy(models.TextChoices):
    """What a new event does to an agent that is already at work."""

    FRESH = "fresh", "A fresh agent, in a workspace of its own"
    STOP_AND_NOTIFY = "stop_and_notify", "Stop it: a successor goes on in its workspace"
    QUEUE_FOR_EXISTING = "queue_for_existing", "Leave it at work: it is told at its next turn"


class Criterion(models.TextChoices):
    """By what an agent at work is compared with the one that a trigger would begin."""

    MODEL = "model", "Model"
    INSTRUCTIONS = "instructions", "Program and instructions"
    PERMISSIONS = "permissions", "Permissions"
    USER_COMMENT = "user_comment", "Comment"


class StartStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    PARKED = "parked", "Parked behind a key"
    ADMITTED = "admitted", "Admitted"
    DONE = "done", "Done"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


START_MOVES: Machine = machine(
    "start",
    {
        StartStatus.WAITING: [StartStatus.PARKED, StartStatus.ADMITTED, StartStatus.CANCELLED, StartStatus.EXPIRED],
        StartStatus.PARKED: [StartStatus.WAITING, StartStatus.CANCELLED, StartStatus.EXPIRED],
        StartStatus.ADMITTED: [StartStatus.DONE, StartStatus.WAITING],
        StartStatus.DONE: [],
        StartStatus.CANCELLED: [],
        StartStatus.EXPIRED: [],
    },
)


class Pool(models.TextChoices):
    AGENTS = "agents", "Agents"
    WORKSPACES = "workspaces", "Workspaces"


class BudgetWindow(models.TextChoices):
    """How long a budget lasts before it begins anew, by the calendar in UTC."""

    DAY = "day", "A day (UTC)"
    MONTH = "month", "A month (UTC)"


class Rung(models.IntegerChoices):
    """How far up the ladder of overload DCT stands; each rung includes those below it."""

    CALM = 0, "Calm"
    POLLS_SLOW = 1, "Polls slow down"
    LOW_WAITS = 2, "Low priority waits"
    BULK_STOPS = 3, "Bulk work stops"
    DOOR_CLOSED = 4, "The door is closed"
