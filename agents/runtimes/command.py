"""Any program that a Developer registered: started in the workspace with an environment built from nothing."""

from agents.enums import RuntimeKind
from agents.runtimes.port import INSTRUCTIONS_FILE, RUN_FILE, SEARCH_PATH, Assignment, CannotRun, LaunchSpec, Listener
from agents.runtimes.transcripts import Transcript, transcripts
from dct_site.kernel.registry import UnknownKind


class CommandRuntime:
    """A crashed or sent-back program is started again; it finds its own state in ``work/``, and one that noted a
    session goes on there.
    """

    kind: str = RuntimeKind.COMMAND
    is_own_code = False
    is_free = False

    def prepare(self, assignment: Assignment) -> LaunchSpec:
        if not assignment.argv or any("\0" in word for word in assignment.argv):
            raise CannotRun("The program has no command. A Developer can set it under Runtime commands.")
        transcript, session = _transcript(assignment), str(assignment.checkpoint.get("session", ""))
        return LaunchSpec(
            argv=transcript.argv(assignment.argv, session),
            cwd=assignment.root / "work",
            env=environment(assignment),
            stdin=transcript.prompt(session),
            is_network_allowed=assignment.is_network_allowed,
        )

    def listener(self, assignment: Assignment) -> Listener:
        return _transcript(assignment).listener()


def _transcript(assignment: Assignment) -> Transcript:
    try:
        return transcripts.get(assignment.transcript)
    except UnknownKind:
        raise CannotRun(f"Nobody here understands the transcript “{assignment.transcript}”.") from None


def environment(assignment: Assignment) -> dict[str, str]:
    """The whole environment of a run: fixed variables of the registration, its secrets, then DCT's own, which win."""
    root = assignment.root
    fixed = {str(name): str(value) for name, value in assignment.environment.items()}
    return {
        **{name: value for name, value in fixed.items() if name and "=" not in name and "\0" not in name + value},
        **assignment.secrets,
        "PATH": fixed.get("PATH") or SEARCH_PATH,
        "HOME": str(root / "work"),
        "LANG": "C.UTF-8",
        "DCT_WORKSPACE": str(root),
        "DCT_CONTEXT": str(root / "context"),
        "DCT_FEEDBACK": str(root / "feedback"),
        "DCT_INSTRUCTIONS_FILE": str(root / INSTRUCTIONS_FILE),
        "DCT_RUN_FILE": str(root / RUN_FILE),
    }
