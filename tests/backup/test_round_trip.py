"""A backup that is made while deliveries are taken in and decided, put back elsewhere: everything or nothing of each,
and nobody at work.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition, Event

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import Connection
from agents.models import AgentRun
from agents.services import admission
from dct_site.backup import sqlite
from dct_site.backup.making import back_up
from dct_site.backup.troubles import Progress
from tests.agents.running import running
from tests.backup.places import Place, another_place
from tests.factories.agents import set_limits
from tests.factories.executions import agent_of
from tests.factories.triggers import WrittenOut, make_delivery, make_trigger, ticket
from triggers.models import Execution
from triggers.services.decide.pending import decide_pending
from triggers.services.launch.admitted import launch_some
from triggers.sources import registry
from workspaces import files
from workspaces.models import Workspace


class Busy:
    """Two who take deliveries in and one who decides, until told to stop; ``acknowledged`` grows as they are."""

    def __init__(self, source: Connection) -> None:
        self._source = source
        self._stop = Event()
        self._more = Condition()
        self.acknowledged: list[int] = []

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(3) as pool:
            done = [pool.submit(self._take_in, number) for number in range(2)] + [pool.submit(self._decide)]
            try:
                yield
            finally:
                self._stop.set()
        for one in done:
            one.result()

    def wait_for(self, more: int) -> None:
        """Until so many more were acknowledged."""
        with self._more:
            wanted = len(self.acknowledged) + more
            assert self._more.wait_for(lambda: len(self.acknowledged) >= wanted, timeout=60)

    def _take_in(self, number: int) -> None:
        try:
            at = 0
            while not self._stop.is_set():
                at += 1
                fields = ticket(change_key=f"{number}:{at}", state={"count": at}, upstream_version=f"{at:06}")
                made = make_delivery(self._source, fields, delivery_key=f"{number}:{at}", now=datetime.now(UTC))
                with self._more:
                    self.acknowledged.append(made.pk)
                    self._more.notify_all()
        finally:
            connection.close()

    def _decide(self) -> None:
        try:
            while not self._stop.is_set():
                decide_pending(now=datetime.now(UTC))
        finally:
            connection.close()


class Watched(Progress):
    """Lets others write in the middle of the copy, and between database and files."""

    def __init__(self, busy: Busy) -> None:
        super().__init__()
        self._busy = busy
        self.steps = 0

    def stage(self, words: str) -> None:
        if "files" in words:
            self._busy.wait_for(4)

    def at(self, words: str) -> None:
        if "%" in words:
            self.steps += 1
            if self.steps < 10:
                self._busy.wait_for(1)


@dataclass
class Source:
    """An installation at work: an agent in a workspace, and a connection that is heard."""

    connection: Connection
    run: AgentRun
    workspace: Workspace


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setitem(registry._entries, WrittenOut.kind, WrittenOut())
    now = datetime.now(UTC)
    heard = make_trigger().listeners.get().connection
    make_delivery(heard, ticket(change_key="first"), now=now)
    decide_pending(now=now)
    set_limits()
    admission.admit(now=now)
    launch_some(owner="me", now=now)
    execution = Execution.objects.get()
    run = running(agent_of(execution), now)
    assert execution.workspace is not None
    work = files.root_of(execution.workspace) / "work"
    (work / "plan.md").write_text("half a plan")
    (work / "tool").symlink_to("/etc/hostname")
    (work / "one").write_text("linked")
    os.link(work / "one", work / "two")
    key = Path(settings.DCT_DATA_DIR) / "keys" / f"of-{execution.workspace.directory}"
    key.parent.mkdir(exist_ok=True)
    key.write_text("a key")
    os.link(key, work / "stolen")
    return Source(heard, run, execution.workspace)


def is_one_moment(place: Place, before: set[int], after: set[int]) -> None:
    """All that was acknowledged before, not all that came later, and an answer for each, once."""
    restored = {pk for (pk,) in place.ask("SELECT id FROM triggers_delivery")}
    assert before <= restored
    assert after - restored, "more came after it"
    outcomes = place.ask("SELECT delivery_id FROM triggers_deliveryoutcome WHERE status = 'decided'")
    assert {pk for (pk,) in outcomes} == restored
    for table in ("triggers_event", "triggers_decision", "triggers_firing", "triggers_execution"):
        assert place.ask(f"SELECT COUNT(*) FROM {table}") == [(len(restored),)]
    assert place.ask("SELECT COUNT(*) FROM triggers_pendingdelivery") == [(0,)]


def is_at_rest(place: Place, source: Source, made_at: str) -> None:
    """Nobody is at work and nothing starts; no attempt was counted."""
    assert place.ask(f"SELECT status FROM agents_agentrun WHERE id = {source.run.pk}") == [("lost",)]
    assert place.ask("SELECT status, attempt FROM agents_agent") == [("pending", 0)]
    assert place.ask("SELECT COUNT(*) FROM agents_slotholder WHERE pool = 'agents'") == [(0,)]
    ((paused, reason),) = place.ask("SELECT is_paused, pause_reason FROM agents_limits")
    assert (bool(paused), reason) == (True, f"Restored from the backup of {made_at}.")


def has_its_own_files(place: Place, workspace: Workspace) -> None:
    """What agents wrote, links as links; nothing that was only linked in from elsewhere, and no key."""
    work = place.data / "workspaces" / workspace.directory / "work"
    assert (work / "plan.md").read_text() == "half a plan"
    assert os.readlink(work / "tool") == "/etc/hostname"
    assert (work / "two").read_text() == "linked"
    assert not (work / "stolen").exists()
    assert [path.name for path in place.data.glob("keys/of-*")] == []


@pytest.mark.two_ways
@pytest.mark.django_db(transaction=True)
def test_what_was_acknowledged_before_is_there_whole_and_nobody_is_at_work(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAGES", 8)
    busy, archive = Busy(source.connection), tmp_path / "archive.tar.gz"
    data = Path(settings.DCT_DATA_DIR)
    with busy.at_work():
        busy.wait_for(12)
        before, watched = set(busy.acknowledged), Watched(busy)
        manifest, _ = back_up(
            database=connection.settings_dict, data=data, target=archive, now=datetime.now(UTC), progress=watched
        )
    assert manifest.left_out == [f"workspaces/{source.workspace.directory}/work/stolen"]
    assert archive.stat().st_mode & 0o077 == 0

    with another_place(tmp_path / "other") as place:
        done = place.restore(archive)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Everything is paused." in done.stdout
        assert "ok    Invariants" in done.stdout
        is_one_moment(place, before, set(busy.acknowledged))
        is_at_rest(place, source, manifest.made_at)
        has_its_own_files(place, source.workspace)
        if connection.vendor == "sqlite":
            # A copy that began again with every write of somebody else would never end beside a busy door.
            ((pages,),) = place.ask("PRAGMA page_count")
            assert 3 < watched.steps <= pages / sqlite.PAGES + 10

        forced = place.restore(archive, "--force", "--resume")
        assert forced.returncode == 0, forced.stdout + forced.stderr
        assert [bool(one) for (one,) in place.ask("SELECT is_paused FROM agents_limits")] == [False]
        (aside,) = place.data.glob("replaced-*")
        assert (aside / "workspaces" / source.workspace.directory / "work" / "plan.md").exists()
