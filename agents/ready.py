"""Programs that are known to work as agents, with the words by which they are registered.

A list to begin from: whoever registers one may change every word, and adds its key as a secret. None of them is
installed by DCT; docs/how-to/run-a-coding-agent.md tells the rest.
"""

from dataclasses import dataclass

from agents.enums import TranscriptKind

INSTRUCTIONS = "../context/run/instructions.md"


@dataclass(frozen=True, slots=True)
class ReadyProgram:
    """A registration to begin from."""

    name: str
    argv: tuple[str, ...]
    transcript: TranscriptKind
    description: str
    is_network_allowed: bool = True


READY = (
    ReadyProgram(
        "Claude Code",
        (
            "claude",
            "--print",
            "--output-format",
            "stream-json",
            "--verbose",
            "--permission-mode",
            "acceptEdits",
            "--add-dir",
            "../context",
            "../feedback",
        ),
        TranscriptKind.CLAUDE_CODE,
        "Anthropic's coding agent. Edits files; whatever else it may do, name by --allowedTools.",
    ),
    ReadyProgram(
        "Codex",
        (
            "codex",
            "exec",
            "--json",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            "-",
        ),
        TranscriptKind.CODEX,
        "OpenAI's coding agent. Its own sandbox is off, as it cannot be made inside of DCT's.",
    ),
    ReadyProgram(
        "OpenHands",
        ("openhands", "--headless", "--json", "--file", INSTRUCTIONS),
        TranscriptKind.OPENHANDS,
        "The open-source coding agent. Without a head it approves what it does itself: only inside of DCT's sandbox.",
    ),
    ReadyProgram(
        "aider",
        (
            "aider",
            "--message-file",
            INSTRUCTIONS,
            "--yes-always",
            "--no-pretty",
            "--no-stream",
            "--no-git",
            "--no-check-update",
            "--analytics-disable",
        ),
        TranscriptKind.AIDER,
        "Pair programming by the line; works on the files in work/.",
    ),
    ReadyProgram(
        "A script of yours",
        ("python3", "/opt/dct-agents/brief.py"),
        TranscriptKind.LINES,
        "Whatever reads files, writes files and prints lines.",
        is_network_allowed=False,
    ),
)
