"""How programs of each kind tell what they do; a new kind is one module and one ``register`` line."""

from agents.runtimes.transcripts.aider import Aider
from agents.runtimes.transcripts.base import Listener, Transcript
from agents.runtimes.transcripts.claude_code import ClaudeCode
from agents.runtimes.transcripts.codex import Codex
from agents.runtimes.transcripts.openhands import OpenHands
from agents.runtimes.transcripts.own import OwnLines
from dct_site.kernel.registry import Registry

__all__ = ["Listener", "Transcript", "transcripts"]

transcripts: Registry[Transcript] = Registry("transcripts")
for one in (OwnLines(), ClaudeCode(), Codex(), OpenHands(), Aider()):
    transcripts.register(one.kind, one)
