"""Sessions of programs, made up line by line after their documentation."""

import json
from typing import Any


def lines(*values: dict[str, Any]) -> list[str]:
    return [json.dumps(value) for value in values]


_ID = "7c1f0a52-6d1e-4f7e-9a35-2f0c5be1a001"
_USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 3_000,
    "cache_read_input_tokens": 5_000,
    "output_tokens": 88,
    "service_tier": "standard",
}


def _claude(number: str, *content: dict[str, Any], **usage: Any) -> dict[str, Any]:
    message = {"id": number, "type": "message", "role": "assistant", "content": list(content), "usage": usage or _USAGE}
    return {"type": "assistant", "message": message, "parent_tool_use_id": None, "session_id": _ID}


CLAUDE_CODE = lines(
    {"type": "system", "subtype": "init", "session_id": _ID, "model": "claude-sonnet-5", "tools": ["Read", "Edit"]},
    _claude("msg_1", {"type": "thinking", "thinking": "First the instructions.", "signature": "Eu4"}),
    _claude("msg_1", {"type": "text", "text": "I read the instructions."}),
    _claude("msg_1", {"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "../context/item.md"}}),
    {
        "type": "user",
        "message": {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "# Retry on 503"}]}
            ],
        },
        "session_id": _ID,
    },
    _claude("msg_2", {"type": "tool_use", "id": "t2", "name": "Bash", "input": {"command": "false"}}),
    {
        "type": "user",
        "message": {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t2", "content": "exit 1", "is_error": True}],
        },
        "session_id": _ID,
    },
    _claude("msg_3", {"type": "text", "text": "Done."}, input_tokens=1, output_tokens=2),
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "duration_ms": 21_034,
        "num_turns": 3,
        "result": "Done.",
        "session_id": _ID,
        "total_cost_usd": 0.0731,
        "usage": {**_USAGE, "input_tokens": 25},
    },
)

CODEX = lines(
    {"type": "thread.started", "thread_id": _ID},
    {"type": "turn.started"},
    {"type": "item.completed", "item": {"id": "item_0", "type": "reasoning", "text": "**Reading the file**"}},
    {
        "type": "item.started",
        "item": {"id": "item_1", "type": "command_execution", "command": "bash -lc ls", "status": "in_progress"},
    },
    {
        "type": "item.completed",
        "item": {
            "id": "item_1",
            "type": "command_execution",
            "command": "bash -lc ls",
            "aggregated_output": "ls: cannot open directory\n",
            "exit_code": 2,
            "status": "failed",
        },
    },
    {
        "type": "item.completed",
        "item": {
            "id": "item_2",
            "type": "file_change",
            "changes": [{"path": "feedback/note.md", "kind": "add"}],
            "status": "completed",
        },
    },
    {
        "type": "item.started",
        "item": {
            "id": "item_3",
            "type": "mcp_tool_call",
            "server": "docs",
            "tool": "search",
            "arguments": {"q": "503"},
            "status": "in_progress",
        },
    },
    {
        "type": "item.completed",
        "item": {
            "id": "item_3",
            "type": "mcp_tool_call",
            "server": "docs",
            "tool": "search",
            "result": {"content": [{"type": "text", "text": "Two pages."}]},
            "status": "completed",
        },
    },
    {"type": "item.completed", "item": {"id": "item_4", "type": "web_search", "query": "retry after"}},
    {
        "type": "item.updated",
        "item": {"id": "item_5", "type": "todo_list", "items": [{"text": "a", "completed": True}]},
    },
    {"type": "item.completed", "item": {"id": "item_6", "type": "agent_message", "text": "The note is written."}},
    {
        "type": "turn.completed",
        "usage": {"input_tokens": 24_763, "cached_input_tokens": 24_448, "output_tokens": 122},
    },
)

OPENHANDS = lines(
    {"type": "action", "action": "think", "thought": "The page comes first.", "source": "agent"},
    {"type": "action", "action": "write", "path": "../feedback/note.md", "content": "", "source": "agent"},
    {"type": "observation", "observation": "write", "content": "File created successfully"},
    {"type": "action", "action": "run", "command": "python app.py"},
    {"type": "observation", "observation": "error", "content": "No such file"},
    {"type": "action", "action": "finish", "message": "It is written."},
)

AIDER = [
    "Aider v0.86.1",
    "Main model: claude-sonnet-5 with diff edit format",
    "I will add the retry.",
    "Tokens: 4.2k sent, 133 received. Cost: $0.01 message, $0.01 session.",
    "Applied edit to bookings/retry.py",
    "Tokens: 12k sent, 1.1k cache write, 1,133 received. Cost: $0.04 message, $0.05 session.",
]

SESSIONS = {"claude_code": CLAUDE_CODE, "codex": CODEX, "openhands": OPENHANDS, "aider": AIDER}
