"""DCT's own lines: what docs/how-to/run-your-own-program-as-an-agent.md tells."""

from agents.enums import TranscriptKind
from agents.runtimes.lines import OwnListener
from agents.runtimes.transcripts.base import Listener


class OwnLines:
    """A program that finds its own state in ``work/`` and is spoken to while it works."""

    kind: str = TranscriptKind.LINES

    def prompt(self, session: str) -> str | None:  # noqa: ARG002 - it has none
        return None

    def argv(self, argv: tuple[str, ...], session: str) -> tuple[str, ...]:  # noqa: ARG002 - it has none
        return argv

    def listener(self) -> Listener:
        return OwnListener()
