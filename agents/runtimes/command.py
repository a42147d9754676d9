"""Any program that a Developer registered: started in the workspace with an environment built from nothing."""

from agents.enums import RuntimeKind
from agents.runtimes.lines import parse_line
from agents.runtimes.port import INSTRUCTIONS_FILE, RUN_FILE, SEARCH_PATH, Assignment, CannotRun, LaunchSpec, Said


class CommandRuntime:
    """A crashed or sent-back program is started again; it finds its own state in ``work/``."""

    kind: str = RuntimeKind.COMMAND
    takes_messages = True
    is_own_code = False
    is_free = False

    def prepare(self, assignment: Assignment) -> LaunchSpec:
        if not assignment.argv or any("\0" in word for word in assignment.argv):
            raise CannotRun("The program has no command. A Developer can set it under Runtime commands.")
        return LaunchSpec(
            argv=assignment.argv,
            cwd=assignment.root / "work",
            env=environment(assignment),
            is_network_allowed=assignment.is_network_allowed,
        )

    def parse(self, line: str, *, is_error: bool) -> Said:
        return parse_line(line, is_error=is_error)


def environment(assignment: Assignment) -> dict[str, str]:
    """The whole environment of a run: fixed variables of the registration, then DCT's own, which win."""
    root = assignment.root
    fixed = {str(name): str(value) for name, value in assignment.environment.items()}
    return {
        **{name: value for name, value in fixed.items() if name and "=" not in name and "\0" not in name + value},
        "PATH": fixed.get("PATH") or SEARCH_PATH,
        "HOME": str(root / "work"),
        "LANG": "C.UTF-8",
        "DCT_WORKSPACE": str(root),
        "DCT_CONTEXT": str(root / "context"),
        "DCT_FEEDBACK": str(root / "feedback"),
        "DCT_INSTRUCTIONS_FILE": str(root / INSTRUCTIONS_FILE),
        "DCT_RUN_FILE": str(root / RUN_FILE),
    }
