"""``/metrics``: who may read it, and that it says what the rows say, in names that the guide and its alerts know."""

import re
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from accounts.actor import Actor
from accounts.enums import Role, TokenScope
from accounts.models import User
from accounts.services import people
from accounts.services.heartbeat import beat
from dct_site.command.bootstrap import ROOT
from dct_site.metrics import is_named
from tests.factories.accounts import make_user
from tests.factories.agents import set_limits
from tests.factories.executions import make_admitted, make_running_trigger
from tests.factories.triggers import make_delivery, make_jira
from triggers.enums import ExecutionStatus
from triggers.models import Execution
from triggers.selectors.measures import measures

pytestmark = pytest.mark.django_db
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)')


def token(user: User, *scopes: TokenScope) -> str:
    _, secret = people.issue_token(user=user, by=Actor.system(), now=timezone.now(), name="scrape", scopes=list(scopes))
    return str(secret)


def status_of(secret: str = "", **meta: str) -> int:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {secret}"} if secret else {}
    return Client().get("/metrics", **headers, **meta).status_code  # type: ignore[arg-type]


def test_it_takes_the_right_to_read_metrics_and_a_token_of_that_scope_is_enough() -> None:
    support, ceo = make_user(role=Role.SUPPORT), make_user(role=Role.CEO)
    assert status_of() == 401
    assert status_of("nonsense") == 401
    assert status_of(token(support, TokenScope.METRICS)) == 200
    assert status_of(token(support)) == 200
    assert status_of(token(support, TokenScope.EVENTS)) == 403
    assert status_of(token(ceo)) == 403
    scrape = token(support, TokenScope.METRICS)
    assert Client().get("/api/v1/status/", HTTP_AUTHORIZATION=f"Bearer {scrape}").status_code == 403
    assert Client().post("/metrics", HTTP_AUTHORIZATION=f"Bearer {scrape}").status_code == 405


@override_settings(DCT_METRICS_ALLOW=["10.0.0.7", "10.1.0.0/16", "2001:db8::/32"])
def test_an_address_that_is_named_needs_no_token_and_no_other_is_let_in() -> None:
    assert status_of(REMOTE_ADDR="10.1.2.3") == 200
    assert status_of(REMOTE_ADDR="10.2.0.1", HTTP_X_FORWARDED_FOR="10.1.2.3") == 401
    assert [is_named(one) for one in ("10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1")] == [True] * 3
    assert [is_named(one) for one in ("10.0.0.8", "127.0.0.1", "2001:db9::1", "", "unix:")] == [False] * 5


def test_nobody_is_named_by_default() -> None:
    assert not is_named("127.0.0.1")


def scraped() -> dict[str, float]:
    """{name with its labels: value}; every line is one that Prometheus reads."""
    support = make_user(role=Role.SUPPORT)
    answer = Client().get("/metrics", HTTP_AUTHORIZATION=f"Bearer {token(support)}", HTTP_ACCEPT="text/plain")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            found[f"{match[1]}{{{match[2]}}}" if match[2] else match[1]] = float(match[3])
    return found


def test_the_page_says_what_the_rows_say() -> None:
    now = timezone.now()
    beat(role="tick", owner="clock", now=now - timedelta(seconds=7), facts={})
    running = make_admitted(now=now)
    trigger = make_running_trigger()
    failed = make_admitted(now=now, trigger=trigger)
    Execution.objects.filter(pk=failed.pk).update(status=ExecutionStatus.FAILED, ended_at=now)
    set_limits(max_agents=9)
    connection = make_jira()
    for age in (90, 30, 20):
        make_delivery(connection, now=now - timedelta(seconds=age))
    page = scraped()
    assert running.status == ExecutionStatus.STARTING
    wanted = {
        'dct_slots_limit{pool="agents"}': 9,
        'dct_slots_used{pool="agents"}': 2,
        'dct_executions{status="starting"}': 1,
        'dct_executions{status="queued"}': 0,
        'dct_executions_ended_last_hour{status="failed"}': 1,
        'dct_executions_failed_last_hour{failure="workspace_creation"}': 1,
        f'dct_trigger_executions_ended_last_hour{{status="failed",trigger="{trigger.pk}"}}': 1,
        'dct_listeners{status="healthy"}': 1,
        'dct_listeners{status="silent"}': 0,
        "dct_deliveries_undecided": 3,
        "dct_deliveries_last_minute": 2,
        "dct_events_last_minute": 2,
        "dct_health": 2,
        'dct_health_reason{code="undecided",state="error"}': 1,
        "dct_overload_rung": 0,
    }
    assert {name: page.get(name) for name in wanted} == wanted
    assert 7 <= page['dct_heartbeat_age_seconds{role="tick"}'] < 60
    assert 90 <= page["dct_delivery_oldest_seconds"] < 150
    assert 0 < page["dct_disk_free_ratio"] < 1


def test_the_guide_tells_every_measure_and_its_alerts_ask_for_no_other() -> None:
    guide = (ROOT / "docs" / "how-to" / "watch-with-prometheus.md").read_text()
    names = {gauge.name for gauge in measures(now=timezone.now())}
    table = "".join(line for line in guide.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(dct_[a-z_]+)`", table)) == names
    assert set(re.findall(r"\bdct_[a-z_]+", guide)) <= names
    assert guide.count("- alert:") == 5
