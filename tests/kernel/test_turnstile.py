"""The turnstile between processes that write to one SQLite file."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from dct_site.kernel.sqlite.turnstile import Turnstile

HOLDER = """
import sys, time
from dct_site.kernel.sqlite.turnstile import Turnstile
with Turnstile(sys.argv[1]).shut():
    print("shut", flush=True)
    time.sleep(600)
"""


def steps_through(turnstile: Turnstile) -> threading.Event:
    """Start a thread that steps through; the event tells when it has."""
    through = threading.Event()

    def step() -> None:
        turnstile.step_through()
        through.set()

    threading.Thread(target=step, daemon=True).start()
    return through


def test_nobody_steps_through_while_it_is_shut(tmp_path: Path) -> None:
    mine, other = Turnstile(str(tmp_path / "db")), Turnstile(str(tmp_path / "db"))
    with mine.shut():
        through = steps_through(other)
        assert not through.wait(0.1)
    assert through.wait(10)
    mine.close()
    other.close()
    other.close()


def test_it_is_open_again_when_the_one_who_shut_it_is_killed(tmp_path: Path) -> None:
    path = str(tmp_path / "db")
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        mine = Turnstile(path)
        through = steps_through(mine)
        assert not through.wait(0.1)
        holder.kill()
        assert through.wait(10)
    mine.close()


@pytest.mark.django_db(transaction=True)
def test_a_transaction_begins_only_after_the_turnstile_and_a_read_needs_no_turn() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has one writer at a time")
    begun = threading.Event()

    def write() -> None:
        with transaction.atomic():
            begun.set()
        connections.close_all()

    gate = Turnstile(str(connection.settings_dict["NAME"]))
    with gate.shut():
        writer = threading.Thread(target=write)
        writer.start()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert not begun.wait(0.1)
    assert begun.wait(10)
    writer.join()
    gate.close()
