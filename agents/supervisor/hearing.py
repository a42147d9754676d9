"""What one run says, line by line: masked, understood, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from agents.masking import masking
from agents.runtimes import Assignment, Listener, Runtime, Said, Signal, used_by
from agents.runtimes.lines import OwnListener
from agents.selectors.budgets import Allowance, overdrawn

LONGEST_SESSION = 200


@dataclass
class Hearing:
    """``is_done``, ``question`` and ``failure`` are what it said of its end; ``overdrawn`` what it used beyond its
    allowance, in words; ``session`` by what its agent goes on. ``is_hopeless``: what failed would fail again.
    """

    listener: Listener
    mask: Callable[[str], str]
    allowance: Allowance
    is_done: bool = False
    question: str = ""
    failure: str = ""
    is_hopeless: bool = False
    overdrawn: str = ""
    session: str = ""

    def hear(self, line: str, *, is_error: bool) -> Said:
        """What a line says. A session that is new is a checkpoint."""
        said = self.listener.hear(self.mask(line), is_error=is_error)
        self._mind_usage(said)
        if said.signal is Signal.DONE:
            self.is_done = True
        elif said.signal is Signal.QUESTION:
            self.question = said.messages[0].text
        elif said.signal in (Signal.FAILED, Signal.HOPELESS):
            self.failure = said.messages[-1].text
            self.is_hopeless = said.signal is Signal.HOPELESS
        if said.session in ("", self.session):
            return said
        self.session = said.session
        return replace(said, checkpoint={"session": said.session[:LONGEST_SESSION]})

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


def _secrets_of(assignment: Assignment) -> tuple[str, ...]:
    key = assignment.model.key if assignment.model is not None else ""
    return (*assignment.secrets.values(), *((key,) if key else ()))


def hearing(runtime: Runtime, assignment: Assignment, allowance: Allowance) -> Hearing:
    """Of a run that is about to begin. Raises CannotRun."""
    return Hearing(runtime.listener(assignment), masking(_secrets_of(assignment)), allowance)
