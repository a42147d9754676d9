"""What the tests need of a machine beyond Python: how to see whether it is there, which Debian package has it, and
throw-away servers on free ports, so that a run touches no database of yours and two runs never meet."""

import glob
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 30
SHARED_DATA = ROOT.parent / "shared" / "data"


class ServiceFailed(Exception):
    """A service could not be installed or started; the message says which and what to do."""


def postgres_program(name: str) -> str | None:
    """Return the path of a PostgreSQL server program; Debian keeps them outside PATH, a directory a version."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    return found[-1] if found else shutil.which(name)


def chromium_program() -> str | None:
    """Return the path of a Chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def dovecot_program() -> str | None:
    """Return the path of Dovecot's server, or None; Debian keeps it in /usr/sbin, outside a user's PATH."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def sandbox_works() -> bool:
    """Say whether bubblewrap starts a program here; inside some containers it is installed but refused."""
    if shutil.which("bwrap") is None:
        return False
    argv = ["bwrap", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--unshare-pid", "true"]
    try:
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True)
class Service:
    """One thing that marked tests need: `name` is the pytest marker, `missing` the reason when it `is_there` not."""

    name: str
    is_there: Callable[[], bool]
    missing: str
    packages: tuple[str, ...] = ()


SERVICES = (
    Service(
        "postgres",
        lambda: bool(os.environ.get("DCT_TEST_DATABASE_URL") or postgres_program("initdb")),
        "PostgreSQL is not installed",
        ("postgresql",),
    ),
    Service("redis", lambda: shutil.which("redis-server") is not None, "Redis is not installed", ("redis-server",)),
    Service("browser", lambda: chromium_program() is not None, "Chromium is not installed", ("chromium",)),
    Service("dovecot", lambda: dovecot_program() is not None, "Dovecot is not installed", ("dovecot-imapd",)),
    Service("sandbox", sandbox_works, "bubblewrap is not installed, or may not run here", ("bubblewrap",)),
    Service(
        "octokit", lambda: shutil.which("npm") is not None, "npm (for GitHub's examples) is not installed", ("npm",)
    ),
    Service("shared_data", SHARED_DATA.is_dir, "the large samples (../shared/data) are not beside the checkout"),
)


def missing_services() -> list[Service]:
    """Return the services that this machine cannot serve now."""
    return [service for service in SERVICES if not service.is_there()]


def install(services: list[Service]) -> None:
    """Install the Debian packages of these services; raises ServiceFailed naming them where that is not allowed."""
    packages = sorted({package for service in services for package in service.packages})
    if not packages:
        return
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise ServiceFailed(f"these packages are missing and may not be installed from here: {wanted}")
    print(f"Installing {wanted} …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise ServiceFailed(f"apt-get could not install {wanted}: {done.stderr.strip()[-400:]}")


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(answers: Callable[[], object], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceFailed(f"{name} stopped at once: {log.read_text(errors='replace')[-400:]}")
        # A server listens before it serves: PostgreSQL answers "the database system is starting up" meanwhile.
        with suppress(OSError, psycopg.OperationalError, redis.RedisError):
            answers()
            return
        time.sleep(0.05)
    raise ServiceFailed(f"{name} did not answer within {READY_WITHIN_S} s: {log.read_text(errors='replace')[-400:]}")


@contextmanager
def _server(
    name: str, argv: list[str], answers: Callable[[], object], directory: Path, user: str | None
) -> Iterator[None]:
    """Run the server until the end of the block; it is handed out when `answers` returns instead of raising."""
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, cwd=directory, user=user, group=user)
        try:
            _wait_until_ready(answers, process, name, log)
            yield
        finally:
            process.send_signal(signal.SIGINT)  # on SIGTERM, PostgreSQL waits for its clients
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ping_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.ping()


@contextmanager
def throwaway_redis() -> Iterator[str]:
    """Start a Redis that keeps nothing; give its URL without a database number, `redis://127.0.0.1:PORT`."""
    port = free_port()
    with TemporaryDirectory(prefix="dct-redis-") as name:
        argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        url = f"redis://127.0.0.1:{port}"
        with _server("Redis", argv, lambda: _ping_redis(url), Path(name), None):
            yield url


@contextmanager
def throwaway_postgres() -> Iterator[str]:
    """Start a new PostgreSQL cluster; give the URL of its database `dct`. It trusts loopback and does not fsync."""
    initdb, server = postgres_program("initdb"), postgres_program("postgres")
    if initdb is None or server is None:
        raise ServiceFailed("PostgreSQL is not installed: apt install postgresql")
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user = "postgres" if os.geteuid() == 0 else None
    port = free_port()
    with TemporaryDirectory(prefix="dct-postgres-") as name:
        directory = Path(name)
        if user is not None:
            shutil.chown(directory, user)
        data = str(directory / "data")
        argv = [initdb, "-D", data, "-U", "dct", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=directory, user=user, group=user)
        if made.returncode != 0:
            raise ServiceFailed(f"PostgreSQL could not make a cluster: {made.stderr.strip()[-400:]}")
        settings = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": directory, "max_connections": 300,
            "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
        }  # fmt: skip
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        address = f"postgresql://dct@127.0.0.1:{port}"
        argv = [server, "-D", data, *options]
        with _server("PostgreSQL", argv, lambda: psycopg.connect(f"{address}/postgres").close(), directory, user):
            yield f"{address}/dct"
