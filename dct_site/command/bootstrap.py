"""First step of `./dct`: makes the virtual environment when it is missing or out of date, then becomes the command.

Run by file name with `-I` on any Python >= 3.11, so it uses the standard library alone and imports nothing of DCT.
"""

import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = Path(__file__).resolve().parent
USER_REQUIREMENTS = "requirements.txt"
DEVELOPER_REQUIREMENTS = "requirements-dev.txt"
DEVELOPER_COMMANDS = frozenset({"check", "test"})
STAMP = ".dct-installed.json"
LOCK = ".dct-lock"
LOG = "dct-setup.log"

# What pip and venv say, and the sentence for the person who has to do something about it; the first that fits is shown.
CAUSES = (
    (r"No space left on device|Errno 28", "the disk is full: free about 1 GB where {venv} lies, then try again."),
    (
        r"do not match the hashes",
        "a downloaded package is not the one that was pinned, so it was not used; ask whoever runs your package index.",
    ),
    (
        (
            r"NewConnection|name resolution|Network is unreachable|ConnectionError|ConnectTimeout|ReadTimeout|"
            r"ProxyError|SSLError|Could not find a version|No matching distribution"
        ),
        (
            "the package index cannot be reached: the first start, and the first after an update, needs the network; "
            "connect and try again."
        ),
    ),
    (
        r"Permission denied|Errno 13|Read-only file system|Errno 30|File exists|Not a directory",
        "{venv} cannot be written; set DCT_VENV to a directory that you may write.",
    ),
    (r"ensurepip", "Python's venv module is missing; install it first (on Debian: apt install python3-venv)."),
)


class SetupFailed(Exception):
    """The environment could not be made; the message is one sentence that says what to do."""


def commands() -> dict[str, str]:
    """Return {name: summary} of every command, read without importing one: importing may need what is not installed."""
    found = {}
    for path in sorted([*COMMANDS.glob("*.py"), *COMMANDS.glob("*/__init__.py")]):
        for node in ast.parse(path.read_bytes()).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and any(isinstance(target, ast.Name) and target.id == "SUMMARY" for target in node.targets)
            ):
                found[path.parent.name if path.name == "__init__.py" else path.stem] = str(node.value.value)
    return found


def help_text() -> str:
    """Return what `./dct --help` prints."""
    rows = [f"  {name:<10} {summary}" for name, summary in commands().items()]
    return "\n".join(
        [
            "usage: ./dct COMMAND [ARGUMENTS]",
            "",
            "Dynamic Context Triggers: every event gets an answer.",
            "The first command makes a virtual environment (.venv, or DCT_VENV); later ones need no network.",
            "",
            "commands:",
            *rows,
            "",
            "`./dct COMMAND --help` says more.",
        ]
    )


def digest(name: str) -> str:
    """Return the SHA-256 of a requirements file, in hex."""
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def is_installed(venv: Path, name: str) -> bool:
    """Say whether this very requirements file has been installed into `venv`."""
    try:
        stamp = json.loads((venv / STAMP).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(stamp, dict) and stamp.get(name) == digest(name) and (venv / "bin" / "python").exists()


def python_works(venv: Path) -> bool:
    """Say whether the environment's Python starts (it does not after its base Python was removed or replaced)."""
    test = [str(venv / "bin" / "python"), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(test, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@contextmanager
def only_one(venv: Path) -> Iterator[None]:
    """Hold the environment's lock; the kernel releases it when its holder dies, so it is never stale."""
    with (venv / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another ./dct that is setting up …", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def explain(output: str, venv: Path) -> str:
    """Return the sentence for a failed step's output."""
    for pattern, sentence in CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return sentence.format(venv=venv)
    return f"setting up failed; {venv / LOG} has what pip said."


def run_step(argv: list[str], venv: Path, *, total: int = 0) -> None:
    """Run one step of the set-up with its output in the log; with a `total`, show progress as pip collects packages."""
    live = total > 0 and sys.stderr.isatty()
    collected = 0
    lines: list[str] = []
    with (venv / LOG).open("a") as log:
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in process.stdout or ():
            log.write(line)
            lines.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied")):
                collected += 1
            if live:
                stage = "installing" if line.startswith("Installing collected") or collected >= total else "fetching"
                print(f"\r  {stage} {min(collected, total)}/{total} packages ", end="", file=sys.stderr, flush=True)
        failed = process.wait() != 0
    if live:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if failed:
        raise SetupFailed(explain("".join(lines[-200:]), venv))


def make_environment(venv: Path) -> None:
    """Make the virtual environment, or make it anew when its Python no longer starts."""
    leftovers = [entry for entry in venv.iterdir() if entry.name not in {LOCK, LOG}]
    # The log is there when an earlier set-up was cut short; without either this may be somebody's home directory.
    if leftovers and not (venv / "pyvenv.cfg").exists() and not (venv / LOG).exists():
        raise SetupFailed(f"{venv} holds something else than a virtual environment; set DCT_VENV to a new directory.")
    for entry in leftovers:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    print(f"Making a virtual environment in {venv} …", file=sys.stderr, flush=True)
    run_step([sys.executable, "-m", "venv", str(venv)], venv)


def install(venv: Path, name: str) -> None:
    """Install the pinned packages of one requirements file, each checked against its hash."""
    python = str(venv / "bin" / "python")
    (venv / STAMP).unlink(missing_ok=True)  # cut short, it must not vouch for a mixture of two sets of pins
    total = len(re.findall(r"^[A-Za-z0-9].*==", (ROOT / name).read_text(), re.MULTILINE))
    print(f"Installing {total} pinned packages (first start, or they changed) …", file=sys.stderr, flush=True)
    if subprocess.run([python, "-c", "import pip"], check=False, capture_output=True).returncode != 0:
        run_step([python, "-m", "ensurepip", "--upgrade"], venv)
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    run_step([*pip, "--no-deps", "--require-hashes", "-r", str(ROOT / name)], venv, total=total)
    # The developer's file holds all of the user's; the user's own pins may differ from a developer's left from before.
    names = [name] if name == USER_REQUIREMENTS else [USER_REQUIREMENTS, name]
    fresh = venv / f"{STAMP}.{os.getpid()}"
    fresh.write_text(json.dumps({each: digest(each) for each in names}))
    fresh.replace(venv / STAMP)


def ensure(venv: Path, name: str) -> None:
    """Have everything of the requirements file in `venv`; returns at once, without the network, when it is there.

    Raises SetupFailed.
    """
    if is_installed(venv, name):
        return
    try:
        venv.mkdir(parents=True, exist_ok=True)
        with only_one(venv):
            if is_installed(venv, name):
                return
            if not python_works(venv):
                make_environment(venv)
            install(venv, name)
    except OSError as problem:
        raise SetupFailed(explain(str(problem), venv)) from problem


def become(venv: Path, words: list[str]) -> NoReturn:
    """Replace this process, so that a signal sent to `./dct` reaches the command itself."""
    python = str(venv / "bin" / "python")
    os.execve(python, [python, "-P", "-m", "dct_site.command", *words], {**os.environ, "PYTHONPATH": str(ROOT)})


def main(argv: list[str]) -> int:
    """Answer help and unknown commands; else set up and become the command. `argv`: environment, command, arguments."""
    venv, words = Path(argv[0]), argv[1:]
    if not words or words[0] in {"-h", "--help", "help"}:
        print(help_text())
        return 0
    if words[0] not in commands():
        print(f"dct: there is no command {words[0]!r}; known are {', '.join(commands())}.", file=sys.stderr)
        return 2
    try:
        ensure(venv, DEVELOPER_REQUIREMENTS if words[0] in DEVELOPER_COMMANDS else USER_REQUIREMENTS)
    except SetupFailed as problem:
        print(f"dct: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndct: stopped while setting up; the next start goes on from here.", file=sys.stderr)
        return 130
    become(venv, words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
