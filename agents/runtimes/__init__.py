"""How a run of each kind is started and understood; a new kind is one module and one ``register`` line."""

from agents.enums import RuntimeKind
from agents.runtimes.command import CommandRuntime
from agents.runtimes.digest import DigestRuntime
from agents.runtimes.llm import LlmRuntime
from agents.runtimes.port import (
    Assignment,
    CannotRun,
    LaunchSpec,
    Listener,
    Message,
    ModelAccess,
    Runtime,
    Said,
    Signal,
)
from agents.runtimes.usage import Usage, used_by
from dct_site.kernel.registry import Registry

__all__ = [
    "Assignment",
    "CannotRun",
    "LaunchSpec",
    "Listener",
    "Message",
    "ModelAccess",
    "Runtime",
    "Said",
    "Signal",
    "Usage",
    "runtimes",
    "used_by",
]

runtimes: Registry[Runtime] = Registry("runtimes")
runtimes.register(RuntimeKind.DIGEST, DigestRuntime())
runtimes.register(RuntimeKind.COMMAND, CommandRuntime())
runtimes.register(RuntimeKind.LLM, LlmRuntime())
