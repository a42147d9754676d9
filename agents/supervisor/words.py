"""Why a run ended, in one sentence for people, and whether trying again could help."""

from dct_site.kernel.process.frames import Exit, ExitReason, StartFailure

_REASONS = {
    ExitReason.STOPPED: "It was stopped.",
    ExitReason.KILLED_ON_REQUEST: "It was ended.",
    ExitReason.KILLED_BY_LEASE: "Its supervisor stopped answering.",
    ExitReason.KILLED_BY_EOF: "Its supervisor ended.",
    ExitReason.KILLED_BY_WALL_CLOCK: "Its time limit was over.",
    ExitReason.KILLED_BY_OUTPUT: "It wrote more output than its profile allows.",
    ExitReason.KILLED_BY_PROCESSES: "It started more processes than a run may.",
    ExitReason.LOST: "Its process was killed from outside.",
}
_FINAL = (ExitReason.KILLED_BY_OUTPUT, ExitReason.KILLED_BY_PROCESSES, ExitReason.NOT_STARTED)


def why_it_ended(exit_: Exit) -> str:
    """The sentence."""
    if exit_.reason is ExitReason.NOT_STARTED:
        return _not_started(exit_)
    if exit_.reason is not ExitReason.EXITED:
        return _REASONS[exit_.reason]
    if exit_.signal is not None:
        return f"The program was ended by signal {exit_.signal}."
    return f"The program ended with code {exit_.code}."


def ended_well(exit_: Exit) -> bool:
    """Whether it came to its own end and says with its code that all is well."""
    return exit_.reason is ExitReason.EXITED and exit_.code == 0


def is_final(exit_: Exit) -> bool:
    """Whether it would end the same way again."""
    return exit_.reason in _FINAL


def _not_started(exit_: Exit) -> str:
    if exit_.failure is StartFailure.COMMAND_NOT_FOUND:
        name = exit_.detail.removeprefix("The command ").removesuffix(" was not found.")
        return f"The program {name} was not found. Install it, or let a Developer correct the runtime command."
    if exit_.failure is StartFailure.NO_DIRECTORY:
        return "The workspace's directory is gone."
    return f"The program could not be started. {exit_.detail}".strip()
