"""Back-tests beside the server: one child, one slice of a person at a time, and nothing lost with whoever ends."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from tests.factories.triggers import NOON, after, make_delivery, make_trigger
from tests.in_process import InProcess
from tests.triggers.services.doomed import database_url
from triggers.models import Trigger
from triggers.services.backtest import aside as backtest_aside
from triggers.services.backtest import slices as service
from triggers.services.backtest.aside import Aside, Busy, Child
from triggers.services.backtest.progress import Slice
from triggers.services.backtest.slices import StaleCursor
from triggers.services.backtest.wire import Broken, read_answer
from triggers.services.decide.pending import decide_pending
from triggers.services.validation import InvalidDocument

WINDOW: dict[str, Any] = {"since": NOON, "until": NOON + timedelta(days=1)}
NOW = NOON + timedelta(days=2)
ECHO = "import sys\nfor line in sys.stdin: print(line.strip() * 2, flush=True)"


def happened(trigger: Trigger, count: int) -> None:
    for at in range(count):
        make_delivery(trigger.listeners.get().connection, now=after(at))
    decide_pending(now=after(count))


def asked(aside: Aside, trigger: Trigger, cursor: str = "", **parts: Any) -> Slice:
    return aside.backtest(
        trigger=trigger, document={**trigger.draft, **parts}, by=trigger.owner, cursor=cursor, now=NOW, **WINDOW
    )


@pytest.mark.django_db
class TestLines:
    def test_a_slice_is_the_same_on_the_other_side(self) -> None:
        trigger = make_trigger()
        happened(trigger, 3)
        found = asked(Aside(InProcess()), trigger)
        here = service.backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, now=NOW, **WINDOW)
        assert found == here
        assert (found.progress.seen, found.progress.same, found.queue) == (3, 3, here.queue)

    def test_slices_follow_each_other_by_their_cursors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service.backtest, "__kwdefaults__", {"cursor": "", "size": 2, "for_s": 0.0})
        trigger, aside = make_trigger(), Aside(InProcess())
        happened(trigger, 3)
        first = asked(aside, trigger)
        assert (first.progress.seen, first.queue, bool(first.cursor)) == (2, None, True)
        last = asked(aside, trigger, first.cursor)
        assert (last.progress.seen, last.cursor, len(last.newest_first)) == (3, "", 3)

    def test_it_works_on_as_long_as_it_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service.backtest, "__kwdefaults__", {"cursor": "", "size": 1, "for_s": 60.0})
        trigger = make_trigger()
        happened(trigger, 3)
        found = service.backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, now=NOW, **WINDOW)
        assert (found.progress.seen, found.cursor) == (3, "")

    def test_refusals_are_the_same_on_the_other_side(self) -> None:
        trigger, aside = make_trigger(), Aside(InProcess())
        with pytest.raises(StaleCursor, match="no cursor"):
            asked(aside, trigger, "made up")
        with pytest.raises(InvalidDocument) as invalid:
            asked(aside, trigger, listeners=[{"connection_id": 0}])
        assert invalid.value.problems[0].path == "listeners[0].connection_id"


def test_no_answer_says_that_it_may_be_asked_again() -> None:
    with pytest.raises(Broken, match="Go on from where it was"):
        read_answer(b"", **WINDOW)


class Waiting:
    """A worker that answers when it is let."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.let = threading.Event()

    def ask(self, line: bytes) -> bytes:
        self.asked.release()
        assert self.let.wait(30)
        return b""


@pytest.mark.one_pass
class TestPlaces:
    def run(self, aside: Aside, person: int) -> threading.Thread:
        def work() -> None:
            with aside._place(person):
                aside.worker.ask(b"")

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def test_a_person_has_one_at_a_time(self) -> None:
        worker = Waiting()
        aside = Aside(worker)
        thread = self.run(aside, 1)
        assert worker.asked.acquire(timeout=30)
        with pytest.raises(Busy, match="of yours"), aside._place(1):
            pytest.fail("let in")
        worker.let.set()
        thread.join(30)
        with aside._place(1):
            pass

    def test_one_is_worked_on_and_some_wait_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backtest_aside, "MOST_WAITING", 0)
        worker = Waiting()
        aside = Aside(worker)
        thread = self.run(aside, 1)
        assert worker.asked.acquire(timeout=30)
        with pytest.raises(Busy, match="of others"), aside._place(2):
            pytest.fail("let in")
        worker.let.set()
        thread.join(30)

    def test_nobody_waits_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(backtest_aside, "PATIENCE_S", 0.01)
        worker = Waiting()
        aside = Aside(worker)
        thread = self.run(aside, 1)
        assert worker.asked.acquire(timeout=30)
        with pytest.raises(Busy, match="in 2 seconds"), aside._place(2):
            pytest.fail("let in")
        worker.let.set()
        thread.join(30)
        with aside._place(2):
            pass


@pytest.mark.one_pass
class TestChild:
    @pytest.fixture
    def children(self) -> Iterator[list[Child]]:
        made: list[Child] = []
        yield made
        for child in made:
            child.end()

    def child(self, children: list[Child], code: str, **over: Any) -> Child:
        children.append(Child((sys.executable, "-S", "-c", code), **over))
        return children[-1]

    def test_it_answers_line_after_line_in_one_process_of_its_own(self, children: list[Child]) -> None:
        child = self.child(children, "import os,sys\nfor line in sys.stdin: print(os.getpid(), flush=True)")
        assert child.ask(b"one\n") == child.ask(b"two\n") != str(os.getpid()).encode() + b"\n"

    def test_an_answer_may_be_larger_than_a_pipe(self, children: list[Child]) -> None:
        line = b"x" * 300_000
        assert self.child(children, ECHO).ask(line + b"\n") == line * 2 + b"\n"

    def test_one_that_ended_for_want_of_work_is_started_again(self, children: list[Child]) -> None:
        child = self.child(children, ECHO)
        child.ask(b"one\n")
        process = child._process
        assert process is not None
        process.kill()
        process.wait()
        assert child.ask(b"two\n") == b"twotwo\n"

    def test_one_that_ends_over_its_work_gives_no_answer_and_the_next_question_another(
        self, children: list[Child]
    ) -> None:
        child = self.child(children, "import sys\nline = sys.stdin.readline()\nif 'bad' not in line: print(line)")
        assert child.ask(b"bad\n") == b""
        assert child.ask(b"good\n").startswith(b"good")

    def test_one_that_is_at_it_for_too_long_is_ended(self, children: list[Child]) -> None:
        child = self.child(children, "import time\ntime.sleep(600)", longest_s=0.05)
        assert child.ask(b"one\n") == b""
        assert child._process is None

    def test_one_that_reads_nothing_and_is_gone_gives_no_answer(self, children: list[Child]) -> None:
        child = self.child(children, "import os\nos.close(0)\nprint('', end='')")
        assert child.ask(b"x" * 1_000_000 + b"\n") == b""


@pytest.mark.django_db(transaction=True)
def test_a_real_child_answers_as_the_server_would_and_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_DATABASE_URL", database_url())
    monkeypatch.setenv("DCT_DATA_DIR", str(settings.DCT_DATA_DIR))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "dct_site.settings")
    trigger = make_trigger()
    happened(trigger, 3)
    child = Child()
    aside = Aside(child)
    try:
        found = asked(aside, trigger)
        process = child._process
        assert process is not None
        assert (found.progress.seen, found.cursor) == (3, "")
        assert found == service.backtest(trigger=trigger, document=trigger.draft, by=trigger.owner, now=NOW, **WINDOW)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert asked(aside, trigger).progress.seen == 3
        process = child._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
    finally:
        child.end()
