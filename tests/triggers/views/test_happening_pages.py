"""What the pages of what happens show: the answer first, text from outside as text, and no query for each row."""

import re

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actor import Actor
from accounts.enums import Source, Via
from accounts.models import Connection
from agents.enums import AgentStatus, MessageKind
from agents.models import Agent
from agents.services.admission import pause_all
from tests.factories.accounts import make_user
from tests.factories.executions import make_execution
from tests.factories.triggers import ANYTHING, NOON, WrittenOut, make_delivery, make_jira, make_trigger
from tests.triggers.views.happening import LISTS, NAUGHTY, client_of, make_world, say
from triggers.enums import Attention, ExecutionStatus, Origin, Refusal
from triggers.models import Delivery, Event, Execution
from triggers.services.decide.pending import decide_pending
from triggers.sources import registry
from workspaces import files
from workspaces.views import files as file_pages

pytestmark = pytest.mark.django_db

NOTHING = {"none": [ANYTHING]}


@pytest.fixture
def client() -> Client:
    """One that sees everything."""
    return client_of(make_user(is_superuser=True))


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def test_text_from_outside_is_never_markup(client: Client) -> None:
    world = make_world(text=NAUGHTY)
    Execution.objects.filter(pk=world.execution.pk).update(reason=NAUGHTY)
    pages = [*LISTS, *(one for one in world.addresses() if "/body/" not in one and "/download/" not in one)]
    for address in pages:
        if "transcript" in address:
            continue
        page = text_of(client, address)
        assert "<img src=x" not in page, address
        assert "<script>alert" not in page, address


def test_contents_from_outside_are_downloads_that_no_browser_runs(client: Client) -> None:
    world = make_world(text=NAUGHTY)
    for address in (
        f"/deliveries/{world.delivery.pk}/body/",
        f"/workspaces/{world.workspace.pk}/download/feedback/digest.md",
    ):
        response = client.get(address)
        assert response["Content-Disposition"].startswith("attachment")
        assert response["Content-Type"] == "application/octet-stream"
        assert "sandbox" in response["Content-Security-Policy"]
    transcript = client.get(f"/agents/{world.agent.pk}/transcript/")
    assert transcript["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("part", ["head", "trail", "talk", "workspace", "deliverables", "why", "attempts"])
def test_every_part_of_an_execution_answers_alone(client: Client, part: str) -> None:
    world = make_world()
    page = text_of(client, f"/executions/{world.execution.pk}/?part={part}")
    assert "<html" not in page
    assert re.search(r'id="ex-', page)


@pytest.mark.parametrize("part", ["health", "running", "queue", "slots", "listeners", "health_link"])
def test_every_part_of_the_status_answers_alone(client: Client, part: str) -> None:
    make_world()
    page = text_of(client, f"/status/?part={part}")
    assert "<html" not in page
    assert 'hx-trigger="dct:changed"' in page


def test_a_queue_longer_than_the_page_leads_to_all_of_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "0 wait<" in text_of(client, "/status/?part=queue")
    make_execution()
    assert "1 waits<" in text_of(client, "/status/?part=queue")
    make_execution()
    whole = text_of(client, "/status/?part=queue")
    assert "2 wait<" in whole
    assert "All that are queued" not in whole
    monkeypatch.setattr("triggers.views.status.MOST_IN_QUEUE", 1)
    first = text_of(client, "/status/?part=queue")
    assert "2 wait<" in first
    assert (whole.count("data-row"), first.count("data-row")) == (2, 1)
    assert 'href="/executions/?status=queued">All that are queued<' in first


def test_other_parts_answer_alone(client: Client) -> None:
    world = make_world()
    for address in (
        f"/events/{world.event.pk}/?part=decisions",
        f"/deliveries/{world.delivery.pk}/?part=delivery_answer",
        f"/agents/{world.agent.pk}/?part=agent_head",
        f"/workspaces/{world.workspace.pk}/?part=head",
        f"/workspaces/{world.workspace.pk}/?part=files",
        "/needs-you/?part=list",
        "/events/?part=fresh&top=0",
    ):
        assert "<html" not in text_of(client, address), address


def test_newer_rows_wait_behind_one_line(client: Client) -> None:
    first = make_world()
    assert "Show" not in text_of(client, f"/executions/?part=fresh&top={first.execution.pk}")
    make_world()
    assert "1 newer execution. Show" in text_of(client, f"/executions/?part=fresh&top={first.execution.pk}")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ExecutionStatus.FAILED, "It failed."),
        (ExecutionStatus.TIMED_OUT, "It ran out of time."),
        (ExecutionStatus.CANCELLED, "It was cancelled."),
        (ExecutionStatus.EXPIRED, "It waited too long"),
        (ExecutionStatus.SUCCEEDED, "Done in"),
    ],
)
def test_an_execution_that_ended_opens_with_what_happened(client: Client, status: str, words: str) -> None:
    world = make_world()
    Execution.objects.filter(pk=world.execution.pk).update(status=status, reason="because of the wind")
    page = text_of(client, f"/executions/{world.execution.pk}/")
    assert words in page


def test_a_run_of_a_replay_names_the_event_that_it_repeats(client: Client) -> None:
    world = make_world()
    page = f"/executions/{world.execution.pk}/"
    assert "replay of" not in text_of(client, page)
    Event.objects.filter(pk=world.event.pk).update(origin=Origin.REPLAY, replay_of=world.event)
    shown = " ".join(text_of(client, page).split())
    assert f'replay of <a class="mono" href="/events/{world.event.pk}/">' in shown


def test_runs_that_replace_each_other_and_what_joined_them_are_linked(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry._entries, Source.JIRA.value, WrittenOut())
    trigger = make_trigger(limits={"batch_s": 60, "batch_size": 12})
    for _ in range(12):
        make_delivery(trigger.listeners.get().connection)
    decide_pending(now=NOON)
    row, newer = Execution.objects.get(), make_execution()
    Execution.objects.filter(pk=row.pk).update(replaced_by=newer)
    page = " ".join(text_of(client, f"/executions/{row.pk}/").split())
    assert f'replaced by <a class="mono" href="/executions/{newer.pk}/">EX-{newer.pk}</a>' in page
    assert "It took in 11 more events while it waited, as a batch:" in page
    assert "and 1 before." in page
    assert f">EV-{Event.objects.filter(firings__execution=row).latest('pk').pk}</a>" in page
    newest = " ".join(text_of(client, f"/executions/{newer.pk}/").split())
    assert f'href="/executions/{row.pk}/">EX-{row.pk}</a>' in newest
    assert "It took in" not in newest


def test_the_question_of_an_agent_stands_where_it_is_answered(client: Client) -> None:
    world = make_world()
    say(world.agent, MessageKind.TEXT, "Which of the two?", question=True)
    Execution.objects.filter(pk=world.execution.pk).update(
        status=ExecutionStatus.NEEDS_ATTENTION, attention=Attention.QUESTION
    )
    for address in ("/needs-you/", f"/executions/{world.execution.pk}/"):
        assert "Which of the two?" in text_of(client, address)


def test_the_conversation_goes_on_where_the_page_ended(client: Client) -> None:
    world = make_world()
    page = text_of(client, f"/executions/{world.execution.pk}/")
    asked = re.search(r'hx-get="(/agents/\d+/messages/)\?after=(\d+)"', page)
    assert asked is not None
    say(world.agent, MessageKind.TEXT, "One more thing")
    more = text_of(client, f"{asked[1]}?after={asked[2]}")
    assert "One more thing" in more
    assert more.count('class="msg tone') == 1
    assert f"?after={int(asked[2]) + 1}" in more


def test_calls_that_may_still_grow_stay_in_the_tail_until_the_agent_says_something_else(client: Client) -> None:
    world = make_world()
    last = say(world.agent, MessageKind.TOOL_CALL, "a.md", name="read_file", input={"path": "a.md"}).seq
    address = f"/agents/{world.agent.pk}/messages/?after={last - 1}"
    growing = text_of(client, address)
    assert f"?after={last - 1}" in growing
    assert "caret" in growing
    say(world.agent, MessageKind.TEXT, "Read it.")
    whole = text_of(client, address)
    assert f"?after={last + 1}" in whole
    assert "caret" not in whole


def test_calls_of_an_agent_that_ended_are_whole(client: Client) -> None:
    world = make_world()
    last = say(world.agent, MessageKind.TOOL_CALL, "a.md", name="read_file").seq
    Agent.objects.filter(pk=world.agent.pk).update(status=AgentStatus.COMPLETED)
    assert f"?after={last}" in text_of(client, f"/agents/{world.agent.pk}/messages/?after={last - 1}")


def test_a_rejected_delivery_says_why_and_what_to_do(client: Client) -> None:
    world = make_world()
    row = Delivery.objects.get(pk=world.delivery.pk)
    rejected = Delivery(
        id=row.pk + 1000,
        connection_id=row.connection_id,
        source="github",
        body=b"{}",
        body_hash="x",
        rejection=Refusal.BAD_SIGNATURE,
        received_at=row.received_at,
    )
    rejected.save(force_insert=True)
    page = text_of(client, f"/deliveries/{rejected.pk}/")
    assert "Rejected: the signature does not match." in page
    assert "Compare the secret" in page
    assert f"DL-{rejected.pk}" in text_of(client, "/deliveries/?status=rejected")
    assert f"/deliveries/{row.pk}/" not in text_of(client, "/deliveries/?status=rejected")


def test_a_file_with_a_name_that_no_address_carries_is_listed_without_a_link(client: Client) -> None:
    world = make_world()
    root = files.root_of(world.workspace)
    (root / "work" / "two\nlines").write_text("x")
    (root / "work" / "50% <b>?#.md").write_text("y")
    page = text_of(client, f"/workspaces/{world.workspace.pk}/")
    assert "two" in page
    address = f"/workspaces/{world.workspace.pk}/files/work/50%25%20%3Cb%3E%3F%23.md"
    assert address in page
    assert text_of(client, address)


@pytest.mark.parametrize("path", ["../../keys/secret_key", "/etc/passwd", "context/../../x", "work/nothing", "work"])
def test_what_is_no_file_of_the_workspace_is_not_found(client: Client, path: str) -> None:
    world = make_world()
    for kind in ("files", "download"):
        assert client.get(f"/workspaces/{world.workspace.pk}/{kind}/{path}").status_code == 404


def test_binary_files_are_not_drawn(client: Client) -> None:
    world = make_world()
    (files.root_of(world.workspace) / "work" / "x.bin").write_bytes(b"\x00\xff" * 100)
    assert "This file is not text." in text_of(client, f"/workspaces/{world.workspace.pk}/files/work/x.bin")


def test_bytes_that_are_no_utf8_are_not_drawn(client: Client) -> None:
    world = make_world()
    (files.root_of(world.workspace) / "work" / "latin.txt").write_bytes("größer".encode("latin-1"))
    page = text_of(client, f"/workspaces/{world.workspace.pk}/files/work/latin.txt")
    assert "This file is not UTF-8 text." in page


def test_a_long_text_is_cut_between_characters_and_one_too_large_is_no_download(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_pages, "SHOWN_BYTES", 5)
    monkeypatch.setattr(file_pages, "DOWNLOAD_BYTES", 5)
    world = make_world()
    (files.root_of(world.workspace) / "work" / "long.txt").write_text("abcdöxyz")
    page = text_of(client, f"/workspaces/{world.workspace.pk}/files/work/long.txt")
    assert "abcd<" in page
    assert "The first 5 of 9 bytes." in page
    assert client.get(f"/workspaces/{world.workspace.pk}/download/work/long.txt").status_code == 404


def test_the_audit_log_shows_what_was_before_and_after(client: Client) -> None:
    world = make_world()
    pause_all(by=Actor.person(world.ann, Via.PAGE), now=NOON, reason="The model is down")
    page = text_of(client, "/audit/?q=limits.paused")
    assert "The model is down" in page
    assert world.ann.username in page


def test_filters_keep_to_what_they_know(client: Client) -> None:
    make_world()
    for address in (
        "/executions/?status=nonsense",
        "/executions/?status=running&q=%00x",
        "/events/?source=github&answer=fired&q=x",
        "/agents/?status=running",
        "/workspaces/?status=active&q=x",
        "/audit/?kind=execution&via=page&object=1",
        "/deliveries/?status=received&q=x",
    ):
        text_of(client, address)


@pytest.mark.unmeasured
@pytest.mark.parametrize("address", LISTS)
def test_a_longer_list_asks_no_more(client: Client, address: str) -> None:
    """The number of queries is the same for one row and for four (N+1)."""
    make_world()
    one = queries_of(client, address)
    for _ in range(3):
        make_world()
    assert queries_of(client, address) <= one + 1


def queries_of(client: Client, address: str) -> int:
    text_of(client, address)
    with CaptureQueriesContext(database) as captured:
        text_of(client, address)
    return len(captured)


def test_a_long_page_is_cut_by_keys_and_nothing_is_lost(client: Client) -> None:
    world = make_world()
    rows = [
        Event(
            connection=world.event.connection,
            external_id=str(number),
            source="github",
            type=f"type.{number}",
            time=world.event.time,
            accepted_at=world.event.accepted_at,
            decided_at=world.event.decided_at,
            generation=1,
        )
        for number in range(60)
    ]
    Event.objects.bulk_create(rows)
    seen: list[str] = []
    address: str | None = "/events/"
    while address:
        page = text_of(client, address)
        seen += re.findall(r">(type\.\d+)<", page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        address = found[1].replace("&amp;", "&") if found else None
    assert seen == [f"type.{number}" for number in reversed(range(60))]


def test_an_event_asks_no_more_for_more_triggers(client: Client, written_out: object) -> None:
    """The number of queries is the same for one trigger and for four, whether they match or not."""
    assert written_out
    connection = make_jira()
    for conditions in (ANYTHING, NOTHING):
        make_trigger(connection=connection, conditions=conditions)
    _event_queries(client, connection)  # the first event about an item has no state of it to look at
    one = _event_queries(client, connection)
    for conditions in (ANYTHING, NOTHING, ANYTHING, NOTHING):
        make_trigger(connection=connection, conditions=conditions)
    assert _event_queries(client, connection) <= one


def _event_queries(client: Client, connection: Connection) -> int:
    make_delivery(connection, {"item": {"key": "OPS-1"}})
    decide_pending(now=NOON)
    event = Event.objects.latest("pk")
    assert "Not matched" in text_of(client, f"/events/{event.pk}/")
    return queries_of(client, f"/events/{event.pk}/")


def test_markdown_is_drawn_and_can_be_read_as_it_is(client: Client) -> None:
    world = make_world(text="# What changed\n\n* one")
    address = f"/workspaces/{world.workspace.pk}/files/feedback/digest.md"
    assert "<h3>What changed</h3>" in text_of(client, address)
    assert "# What changed" in text_of(client, f"{address}?as=text")
