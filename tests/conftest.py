"""What every test shares: which tests this machine can serve, the report of those left out, and a fixed time."""

import gc
import json
import os
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from django.apps import apps
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from dct_site.command.services import missing_services
from dct_site.kernel import wake
from dct_site.kernel.wake import NullWake
from tests.measured import unmeasured
from tests.tidying import end_every_other_session, take_out_what_was_written

settings.register_profile("dct", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dct")

HERE = Path(__file__).parent
# Whatever lies here touches no database unless it is marked `django_db` or `postgres`.
PURE = ("command", "contracts", "kernel")
LEFT_OUT = "dct_left_out"


@pytest.fixture(autouse=True)
def pokes() -> Iterator[NullWake]:
    """Nobody is woken in a test; what would have been is remembered."""
    backend = NullWake()
    before = wake.configure(backend)
    yield backend
    wake.configure(before)


@pytest.fixture
def now() -> datetime:
    """The time of every test that is told one: a Friday noon in winter, UTC."""
    return datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database, migrated once; what a transactional test wrote into it is taken out the quick way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", take_out_what_was_written)
        yield
    with django_db_blocker.unblock():
        end_every_other_session()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """No line of a migration is counted: not to trace them halves their time."""
    with unmeasured() if fixturedef.argname == "django_db_setup" else nullcontext():
        return (yield)


@pytest.fixture(autouse=True)
def one_rows(request: pytest.FixtureRequest) -> None:
    """The rows that migrations make and that exist once: a transactional test's end takes them with everything else."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None:
        return
    # What a test before it had committed is in memory still, under a generation that comes again.
    import_module("triggers.services.matching").forget()  # this file is imported without Django too
    # Nothing of a test was there before its process.
    import_module("triggers.services.decide.suspects").suspects.until = 0
    # A child would see nothing of a test's transaction: its lines are answered here.
    import_module("triggers.services.backtest.aside").aside.worker = import_module("tests.in_process").InProcess()
    # How large a batch may be was learned from other tests: what they hold of batches must not follow from it.
    import_module("triggers.services.decide.pace").pace.forget()
    # What was thought out of schedules whose ids come again.
    import_module("triggers.services.due").forget()
    request.getfixturevalue("transactional_db" if marker.kwargs.get("transaction") else "db")
    for label in ("triggers.Generation", "agents.Limits"):
        apps.get_model(label)._default_manager.get_or_create(pk=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Function) -> Generator[None, object, object]:
    """What random examples reach is not counted: a line is covered by a test that means it."""
    is_random = getattr(item.function, "is_hypothesis_test", False)
    with unmeasured() if is_random or item.get_closest_marker("unmeasured") else nullcontext():
        return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take what is imported by now out of the collector's sight, for it lives to the end, and collect more seldom:
    every page that is rendered makes thousands of objects that are gone by themselves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _is_pure(item: pytest.Item) -> bool:
    if item.get_closest_marker("one_pass"):
        return True
    if item.get_closest_marker("django_db") or item.get_closest_marker("postgres"):
        return False
    return any(HERE / name in item.path.parents for name in PURE)


def _why_not(item: pytest.Item, missing: dict[str, str]) -> tuple[str, str] | None:
    """Return (kind, reason) for a test that cannot run here and now, or None."""
    for kind, reason in missing.items():
        if item.get_closest_marker(kind):
            return kind, reason
    return None


def _missing() -> dict[str, str]:
    """Return {marker: reason} of everything that this run cannot serve."""
    missing = {service.name: service.missing for service in missing_services()}
    if not os.environ.get("DCT_TEST_DATABASE_URL"):
        missing.setdefault("postgres", "this pass runs on SQLite; `./dct test` adds one on PostgreSQL")
    if not os.environ.get("DCT_TEST_REDIS_URL"):
        missing.setdefault("redis", "no Redis was started; `./dct test` starts one (or set DCT_TEST_REDIS_URL)")
    if not os.environ.get("DCT_TEST_SLOW"):
        missing["slow"] = "slow tests run with --all (or DCT_TEST_SLOW=1)"
    return missing


def _turn(item: pytest.Item) -> int:
    """What is done first: no worker is to begin with something long when the others have nothing left to take."""
    if HERE / "e2e" in item.path.parents:
        return 0  # together, so that one worker has them: they share installations that take seconds to start
    return 1 if item.get_closest_marker("slow") else 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, with a reason, what this machine cannot serve; drop what this pass is not about."""
    only = os.environ.get("DCT_TEST_ONLY", "")
    on_postgres = bool(os.environ.get("DCT_TEST_DATABASE_URL"))
    dropped = [
        item
        for item in items
        if (only and not item.get_closest_marker(only)) or (on_postgres and _is_pure(item) and not only)
    ]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        gone = set(dropped)
        items[:] = [item for item in items if item not in gone]
    items.sort(key=_turn)
    missing = _missing()
    for item in items:
        why = _why_not(item, missing)
        if why is not None:
            item.user_properties.append((LEFT_OUT, why))
            item.add_marker(pytest.mark.skip(reason=f"{why[0]}: {why[1]}"), append=False)


def _reports(terminal: TerminalReporter, outcome: str) -> Iterator[pytest.TestReport]:
    for report in terminal.stats.get(outcome, []):
        if isinstance(report, pytest.TestReport):
            yield report


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Write what ran, what was left out and why, and the summary line to the file that `./dct test` reads."""
    target = os.environ.get("DCT_TEST_REPORT")
    if not target:
        return
    left_out = []
    for report in _reports(terminalreporter, "skipped"):
        told = dict(report.user_properties).get(LEFT_OUT)
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        kind, why = told if isinstance(told, (tuple, list)) else ("skipped by itself", reason)
        left_out.append([report.nodeid, kind, why])
    ran = {
        report.nodeid
        for outcome in ("passed", "failed", "xfailed", "xpassed")
        for report in _reports(terminalreporter, outcome)
    }
    parts, _ = terminalreporter.build_summary_stats_line()
    summary = ", ".join(text for text, _ in parts)
    Path(target).write_text(json.dumps({"summary": summary, "ran": sorted(ran), "left_out": left_out}))
