"""What one run says, line by line: masked, understood, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agents.runtimes import Assignment, Listener, Runtime, Said, Signal, used_by
from agents.runtimes.lines import OwnListener
from agents.selectors.budgets import Allowance, overdrawn
from agents.supervisor.masking import masking


@dataclass
class Hearing:
    """``is_done``, ``question`` and ``failure`` are what it said of its end; ``overdrawn`` what it used beyond its
    allowance, in words; ``session`` by what its agent goes on.
    """

    listener: Listener
    mask: Callable[[str], str]
    allowance: Allowance
    is_done: bool = False
    question: str = ""
    failure: str = ""
    overdrawn: str = ""
    session: str = ""

    def hear(self, line: str, *, is_error: bool) -> Said:
        """What a line says. Its session is empty where it is the one that is known."""
        said = self.listener.hear(self.mask(line), is_error=is_error)
        self._mind_usage(said)
        if said.signal is Signal.DONE:
            self.is_done = True
        elif said.signal is Signal.QUESTION:
            self.question = said.messages[0].text
        elif said.signal is Signal.FAILED:
            self.failure = said.messages[-1].text
        if said.session in ("", self.session):
            return replace(said, session="")
        self.session = said.session
        return said

    @property
    def must_end(self) -> bool:
        """Whether there is nothing more for its process to do."""
        return self.is_done or bool(self.overdrawn)

    def _mind_usage(self, said: Said) -> None:
        for message in said.messages:
            usage = used_by(message)
            if usage is not None and not self.must_end:
                self.overdrawn = overdrawn(self.allowance, tokens=usage.tokens, money=usage.money)


def silence() -> Hearing:
    """Of a run that has not said anything."""
    return Hearing(OwnListener(), str, Allowance())


def hearing(runtime: Runtime, assignment: Assignment, allowance: Allowance) -> Hearing:
    """Of a run that is about to begin. Raises CannotRun."""
    return Hearing(runtime.listener(assignment), masking(assignment.secrets.values()), allowance)
