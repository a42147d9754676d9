"""How long good deliveries wait while others send slow headers or slow bodies, read slowly, or send all they can."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median

from dct_site.bench.figure import Figure
from dct_site.bench.installation import eventually
from dct_site.bench.intake import ROOT, database, medians_of
from dct_site.bench.intake import load as load_average

ROUNDS = 3
COUNT = 800
RATE = 100
ATTACKS = {
    "": "",
    "slow_headers": "400 connections that send a header's line a second and never end it",
    "slow_bodies": "400 connections that send a byte a second of a body of 6 kB",
    "slow_reads": "400 connections with a small window that ask for a file of 230 kB and read 32 bytes of it a second",
    "flood": "32 connections that post unsigned bodies to a webhook and to unknown addresses as fast as they go",
    "pages": "200 connections that ask for the page of the login as fast as it comes",
}


def measure() -> Iterator[Figure]:
    """The p50 and p99 of good deliveries alone and beside each attack, in turn and again."""
    with database("") as environment, web(environment) as port:
        good, other = made_hooks(environment)
        found: dict[str, list[Mapping[str, float]]] = {attack: [] for attack in ATTACKS}
        for _ in range(ROUNDS):
            for attack in ATTACKS:
                with beside(attack, port, other):
                    found[attack].append(_asked("good", port, good, str(COUNT), str(RATE)))
    yield from figures(found)


def figures(found: Mapping[str, Sequence[Mapping[str, float]]]) -> Iterator[Figure]:
    """{attack: what each round measured, "" where there was none} as figures beside the ones alone."""
    where = f"{RATE} signed deliveries a second of 6 kB over 4 connections, SQLite synchronous=FULL"
    for attack, words in ATTACKS.items():
        for key in ("p50_ms", "p99_ms"):
            value = median(run[key] for run in found[attack])
            alone = median(run[key] for run in found[""])
            told = f"{where}, {f'beside {words}' if words else 'alone'}; {medians_of(load_average())}"
            yield Figure(
                "flood",
                f"{key.removesuffix('_ms')}_{attack or 'alone'}",
                value,
                "ms",
                COUNT,
                f"{told}; ratio: attacked over alone" if words else told,
                "alone" if words else None,
                round(alone, 3) if words else None,
            )


@contextmanager
def web(environment: Mapping[str, str]) -> Iterator[int]:
    """The web process as it runs in the product; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        argv = [sys.executable, "-m", "dct_site.web", "--fd", str(listener.fileno())]
        port = listener.getsockname()[1]
        with subprocess.Popen(argv, cwd=ROOT, env=environment, pass_fds=[listener.fileno()]) as process:
            try:
                eventually(lambda: is_alive(port), within_s=60)
                yield port
            finally:
                process.kill()


def is_alive(port: int) -> bool:
    """Whether a web process answers there."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def made_hooks(environment: Mapping[str, str]) -> tuple[str, str]:
    """The paths of two webhooks: one for good deliveries, one that is flooded."""
    code = (
        "import django; django.setup(); from dct_site.bench.intake_child import make_hook;"
        " from triggers.models import WebhookEndpoint as W; good, other = make_hook(), make_hook();"
        " W.objects.filter(path=other).update(rate_per_minute=6000); print(good, other)"
    )
    settings = {"DJANGO_SETTINGS_MODULE": "dct_site.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**environment, **settings}, check=True, stdout=subprocess.PIPE
    )
    good, other = done.stdout.decode().split()[-2:]
    return good, other


@contextmanager
def beside(attack: str, port: int, path: str) -> Iterator[None]:
    """An attack under way for the length of a block; none for an empty name."""
    if not attack:
        yield
        return
    # As from another machine: it takes none of the door's share of the processor.
    argv = ["nice", "-n", "10", sys.executable, "-m", "dct_site.bench.flood_child", attack, str(port), path]
    with subprocess.Popen(argv, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            process.stdout.readline()
            yield
        finally:
            process.kill()


def _asked(*words: str | int) -> Mapping[str, float]:
    argv = [sys.executable, "-m", "dct_site.bench.flood_child", *map(str, words)]
    done = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    told: Mapping[str, float] = json.loads(done.stdout)
    return told
