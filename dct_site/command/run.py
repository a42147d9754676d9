"""`./dct run`: prepares the database and the first superuser, then runs the whole product in one process tree."""

import argparse
import fcntl
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from dct_site.parent.tree import Child, Tree

SUMMARY = "Run DCT: pages, API, webhooks, websocket and agents in one process tree."

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60.0
GRACE_S = 15.0
RESTORING = "restore-unfinished"  # as dct_site.backup.restoring
SAID_WHY = 3  # as dct_site.prepare, which brings Django with it
ROLES = ("web", "worker", "agents", "tick")
UNJUDGED = frozenset({"DCT_CLOCK_FILE", "DCT_CRASH_AT", "DCT_CRASH_FILE", "DCT_VENV"})


class CannotRun(Exception):
    """The product cannot start; the message is one sentence that says what to do, empty where it has been said."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0 takes a free one (default: 8000)")
    parser.add_argument("--data", metavar="DIR", help="where everything is kept (default: DCT_DATA_DIR, else ./data)")
    parser.add_argument(
        "--demo", action="store_true", help="add simulators, a template, triggers and people to play with"
    )
    parser.add_argument(
        "--info", metavar="FILE", help="write URL, credentials and a token as JSON (mode 0600) once ready"
    )
    parser.add_argument(
        "--role", choices=ROLES, help="run one role only, for many machines (needs DCT_DATABASE_URL and DCT_BROKER_URL)"
    )


def main(args: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C; 0 after a clean stop, 1 with one sentence on standard error when it cannot start."""
    try:
        return _run(args)
    except CannotRun as error:
        if str(error):
            print(f"dct: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    _refuse_what_cannot_work(args)
    data = Path(args.data or os.environ.get("DCT_DATA_DIR") or ROOT / "data").absolute()
    os.environ["DCT_DATA_DIR"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    os.chdir(ROOT)
    lock = lock_data(data)
    _refuse_half_a_restore(data)
    listening = _listen(args.host, args.port) if args.role in (None, "web") else None
    url = _url(args.host, listening) if listening else ""
    if os.environ.get("DCT_ENV") != "production":
        os.environ.setdefault("DCT_ALLOWED_HOSTS", _hosts(args.host))
    tree = Tree(_children(args, listening), grace_s=GRACE_S)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: tree.stop_soon())
    told = _prepare_and_start(tree, data, demo=args.demo, url=url, with_token=bool(args.info))
    if told.get("mail"):
        mail = [sys.executable, "-m", "dct_site.simulators.mailserver", "--data", str(data), *told["mail"]]
        tree.add(Child("demo mail", mail, quiet=True))
    if listening and _wait_ready(_local(args.host, listening), tree):
        _tell(args, url, told, seconds=time.monotonic() - started)
    tree.watch()
    lock.close()
    return 0


def _refuse_what_cannot_work(args: argparse.Namespace) -> None:
    if args.role:
        missing = [name for name in ("DCT_DATABASE_URL", "DCT_BROKER_URL") if not os.environ.get(name)]
        if missing:
            raise CannotRun(f"--role {args.role} needs {' and '.join(missing)}: roles share a database and a broker.")
    if args.info and not os.access(Path(args.info).absolute().parent, os.W_OK):
        raise CannotRun(f"{args.info} cannot be written; name a file in a directory that you may write with --info.")


def _prepare_and_start(tree: Tree, data: Path, *, demo: bool, url: str, with_token: bool) -> dict[str, Any]:
    """Prepare, then start; side by side where this very code has prepared this database before."""
    stamp, wanted = data / "run" / "prepared", _fingerprint()
    known = stamp.read_text() if stamp.exists() else ""
    if known == wanted:
        tree.start()
    try:
        told = _prepare(demo=demo, url=url, with_token=with_token, is_known=known == wanted)
    except CannotRun:
        tree.stop()
        raise
    if known != wanted:
        tree.start()
        stamp.write_text(wanted)
    return told


def _fingerprint() -> str:
    """A hash that changes with the code's migrations, its requirements and whatever DCT_* says: what was prepared
    under other settings may be refused under these, before a child starts.
    """
    said = sorted(pair for pair in os.environ.items() if pair[0].startswith("DCT_") and pair[0] not in UNJUDGED)
    digest = hashlib.sha256(json.dumps(said).encode())
    for path in [ROOT / "requirements.txt", *sorted(ROOT.glob("*/migrations/*.py"))]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def lock_data(data: Path) -> IO[str]:
    """Hold the data directory for this process tree alone."""
    try:
        (data / "run").mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)
        lock = (data / "run" / "lock").open("a+")
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise CannotRun(f"{data} cannot be written ({reason}); name another directory with --data.") from error
    if os.environ.get("DCT_BROKER_URL"):
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise CannotRun(
            f"DCT already runs on {data} (process {lock.read().strip() or 'unknown'}); stop it, or use another --data."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _refuse_half_a_restore(data: Path) -> None:
    if (data / RESTORING).exists():
        raise CannotRun(f"a restore into {data} was cut short; do it again with `./dct restore FILE --force`.")


def _listen(host: str, port: int) -> socket.socket:
    """Take the port in the parent, so that callers wait in its queue while web is started again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", "") or "there is no such port").lower()
        raise CannotRun(f"port {port} on {host} cannot be used ({reason}); choose another one with --port.") from error
    listening.listen(1024)
    listening.set_inheritable(True)
    return listening


def _local(host: str, listening: socket.socket) -> str:
    """The address under which this machine reaches it."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{listening.getsockname()[1]}"


def _url(host: str, listening: socket.socket) -> str:
    return os.environ.get("DCT_PUBLIC_URL") or _local(host, listening)


def _hosts(host: str) -> str:
    names = ["localhost", "127.0.0.1", "[::1]"]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - somebody asked to be reached from elsewhere
        names += [socket.gethostname(), socket.getfqdn()]
    elif host not in names:
        names.append(host)
    return ",".join(names)


def _prepare(*, demo: bool, url: str, with_token: bool, is_known: bool) -> dict[str, Any]:
    """Bring the database up to date in a process that ends again; what it tells: credentials and the demo's facts.

    ``is_known``: these settings worked before, so a broker that is away for a while is no reason not to start.
    """
    argv = [sys.executable, "-m", "dct_site.prepare", "--url", url]
    argv += ["--demo"] * demo + ["--token"] * with_token + ["--again"] * is_known
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        said_why = done.returncode == SAID_WHY
        raise CannotRun("" if said_why else "the database could not be prepared; the lines above say why.")
    told: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return told


def _children(args: argparse.Namespace, listening: socket.socket | None) -> list[Child]:
    python = sys.executable
    children = []
    if listening is not None:
        web = [python, "-m", "dct_site.web", "--fd", str(listening.fileno())]
        children.append(Child("web", web, pass_fds=(listening.fileno(),)))
    if args.role is None:
        children.append(Child("engine", [python, "-m", "dct_site.engine"], stop_first=True))
    if args.role == "agents":
        children.append(Child("agents", [python, "-m", "dct_site.engine", "--agents-only"], stop_first=True))
    if args.role == "worker":
        argv = ["-A", "dct_site.celery", "worker", "--loglevel=WARNING", "--concurrency=2"]
        argv += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
        children.append(Child("worker", [python, "-m", "celery", *argv], stop_first=True))
    if args.role == "tick":
        argv = ["-A", "dct_site.celery", "beat", "--loglevel=WARNING", "--pidfile="]
        children.append(Child("tick", [python, "-m", "celery", *argv], stop_first=True))
    return children


def _wait_ready(url: str, tree: Tree) -> bool:
    """Ask until the product says that it is ready; children that die meanwhile are started again by the watch."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and not tree.is_stopping:
        for child in tree.children:
            tree.look_after(child)
        try:
            with opener.open(f"{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    if not tree.is_stopping:
        print(f"dct: not ready after {READY_WITHIN_S:.0f} s; `./dct doctor` says what is missing.", file=sys.stderr)
    return False


def _tell(args: argparse.Namespace, url: str, told: dict[str, Any], *, seconds: float) -> None:
    """Print where to go, and write the same for programs."""
    if args.info:
        _write_info(Path(args.info), url, told)
    lines = ["", f"DCT is ready ({seconds:.1f} s):  {url}", ""]
    if told.get("admin_password"):
        lines.append(f"  user      {told['admin_user']}")
        lines.append(f"  password  {told['admin_password']}" + ("" if args.demo else "   (shown once)"))
    else:
        lines.append(
            f"  user      {told['admin_user']}   (password as set; `./dct manage changepassword` sets a new one)"
        )
    lines += [f"  Warning: {warning}" for warning in told.get("warnings") or []]
    if told.get("demo"):
        lines += ["", "  Try it:   ./dct simulate github", "            ./dct simulate mail send"]
    lines += ["", "  Ctrl-C stops it.", ""]
    print("\n".join(lines), flush=True)


def _write_info(path: Path, url: str, told: dict[str, Any]) -> None:
    """The file appears whole or not at all, readable by its owner only."""
    content = {"url": url} | {key: told.get(key) for key in ("admin_user", "admin_password", "api_token", "demo")}
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    fresh.replace(path)
