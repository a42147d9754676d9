"""What a new user does with the demo."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from websockets.sync.client import connect

from dct_site.bench.installation import ROOT, Installation, eventually, post, pull_request, signed
from tests.e2e.ending import finished, simulate

pytestmark = [pytest.mark.one_pass, pytest.mark.browser, pytest.mark.unmeasured]

NEVER = {"type": "field", "config": {"path": "event.type", "operator": "equals", "value": "never"}}
README = ROOT / "README.md"


def send(demo: Installation, body: bytes, **over: str) -> tuple[int, dict[str, Any]]:
    """Post a signed webhook to the demo."""
    facts = demo.info["demo"]
    return post(facts["github_webhook_url"], body, signed(facts["github_webhook_secret"], body, **over))


def test_the_info_file_is_its_owners_alone_and_holds_what_programs_need(demo: Installation) -> None:
    path = demo.data / "info.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {"url", "admin_user", "admin_password", "api_token", "demo"} <= demo.info.keys()
    assert {"github_webhook_url", "github_webhook_secret"} <= demo.info["demo"].keys()
    assert demo.api("me/")["username"] == demo.info["admin_user"]


def test_nothing_fires_by_itself_and_a_pull_request_fires_one_trigger(demo: Installation) -> None:
    before = {row["id"] for row in demo.api("executions/?page_size=500")["results"]}
    status, told = send(demo, pull_request(1))
    assert (status, told["duplicate"]) == (202, False)
    execution = finished(demo, told["delivery"])
    assert execution["status"] == "succeeded"
    after = {row["id"] for row in demo.api("executions/?page_size=500")["results"]}
    assert after - before == {execution["id"]}
    (deliverable,) = execution["deliverables"]
    assert deliverable["status"] == "satisfied"
    assert {check["status"] for check in deliverable["checks"]} == {"passed"}
    assert b"## What changed" in demo.raw(f"workspaces/{execution['workspace']}/files/feedback/review-brief.md")


def test_the_line_of_the_readme_is_an_event_and_pasted_again_a_duplicate(demo: Installation, tmp_path: Path) -> None:
    (line,) = re.findall(r"^```sh\n(\. data/run/demo\.env.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "data").symlink_to(demo.data)
    first, again = (
        json.loads(subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, capture_output=True).stdout)
        for _ in range(2)
    )
    assert (first["duplicate"], again) == (False, {**again, "delivery": first["delivery"], "duplicate": True})
    execution = finished(demo, first["delivery"])
    assert execution["status"] == "succeeded"
    assert execution["trail"][0]["ms"] < 3_600_000  # the change is of today, whenever the demo is tried


def test_the_card_blinks_and_the_execution_page_fills_without_a_reload(demo: Installation, page: Page) -> None:
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    card = page.locator(f"#item-{demo.info['demo']['github_item_id']}")
    expect(card).to_contain_text("ferry-api")
    expect(page.locator("[data-live-dot]")).to_contain_text("Live")
    page.evaluate("window.notReloaded = true")
    _, told = send(demo, pull_request(2))
    expect(card).to_contain_text("Succeeded", timeout=30_000)
    assert page.evaluate("window.notReloaded") is True
    execution = finished(demo, told["delivery"])
    page.goto(f"{demo.info['url']}/executions/{execution['id']}/")
    for words in ("From the change to the proof", "Conversation", "Why it fired", "Satisfied", "Succeeded"):
        expect(page.get_by_text(words, exact=False).first).to_be_visible()
    page.get_by_role("link", name="feedback/review-brief.md").first.click()
    expect(page.get_by_text("What changed").first).to_be_visible()


def test_a_trigger_opens_in_the_modal_with_all_its_parts(demo: Installation, page: Page) -> None:
    page.get_by_text("Review brief for pull requests").first.click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    for part in ("Conditions", "Workspace", "Agent", "Deliverables", "Limits", "History"):
        expect(dialog.get_by_text(part, exact=False).first).to_be_visible()


def test_what_was_asked_again_is_one_click_away(demo: Installation, page: Page) -> None:
    _, told = send(demo, pull_request(6))
    event = finished(demo, told["delivery"])["event"]
    page.goto(f"{demo.info['url']}/events/{event}/")
    page.get_by_text("Replay…").click()
    page.locator("dialog[open]").get_by_role("button", name="Replay", exact=True).click()
    page.locator(".toast-x").get_by_role("link", name="Look").click()
    expect(page.get_by_text("Replay of EV-").first).to_be_visible()
    (delivery,) = re.findall(r"/deliveries/(\d+)/$", page.url)
    assert finished(demo, int(delivery))["status"] == "succeeded"


def test_the_websocket_tells_the_whole_way(demo: Installation) -> None:
    assert _statuses_of_one(demo) == ["queued", "starting", "running", "verifying", "succeeded"]


def _statuses_of_one(demo: Installation) -> list[str]:
    with connect(demo.info["url"].replace("http", "ws") + "/ws/status/") as socket:
        socket.send(json.dumps({"type": "auth", "token": demo.info["api_token"]}))
        assert json.loads(socket.recv(10))["type"] == "welcome"
        socket.send(json.dumps({"type": "subscribe", "topics": ["executions"]}))
        socket.send(json.dumps({"type": "ping"}))
        last = json.loads(socket.recv(10))["seq"]
        _, told = send(demo, pull_request(3))
        execution = finished(demo, told["delivery"])["id"]
        seen: list[str] = []
        while seen[-1:] != ["succeeded"]:
            message = json.loads(socket.recv(30))
            assert message["seq"] == last + 1
            last = message["seq"]
            # What an earlier test began may still be under way.
            if (message.get("object"), message.get("id")) == ("execution", execution):
                seen.append(message["status"])
    return seen


def test_a_mail_is_polled_and_becomes_a_workspace(demo: Installation) -> None:
    before = {row["id"] for row in demo.api("executions/?page_size=500")["results"]}
    simulate(demo, "mail", "send", "--subject", "May we renew in March?")

    def look() -> Any:
        rows = demo.api("executions/?page_size=500")["results"]
        return [row for row in rows if row["id"] not in before and row["status"] == "succeeded"]

    (execution,) = eventually(look, within_s=60)
    assert "Digest of new mail" in execution["trigger_name"]


def test_the_same_payload_again_is_a_duplicate_and_a_spoilt_signature_is_kept_to_look_at(demo: Installation) -> None:
    body = pull_request(4)
    _, first = send(demo, body, delivery="the-same")
    execution = finished(demo, first["delivery"])
    status, again = send(demo, body, delivery="the-same")
    assert (status, again) == (202, {"delivery": first["delivery"], "duplicate": True})
    assert len(demo.api(f"executions/?event={execution['event']}")["results"]) == 1
    headers = signed("wrong secret", body)
    assert post(demo.info["demo"]["github_webhook_url"], body, headers)[0] == 401
    rejected = eventually(lambda: demo.api("deliveries/?status=rejected")["results"])
    assert "signature" in json.dumps(rejected[0])


def test_with_one_agent_two_of_three_wait_with_position_and_reason(demo: Installation) -> None:
    limits = demo.api("limits/")
    try:
        demo.api("limits/", method="PATCH", body={"max_agents": 1})
        trigger = _slow_trigger(demo)
        for number in range(3):
            demo.api(f"triggers/{trigger}/fire/", method="POST", body={})
            assert number < 3

        def look() -> Any:
            rows = demo.api(f"executions/?trigger={trigger}")["results"]
            waiting = [demo.api(f"executions/{row['id']}/") for row in rows if row["status"] == "queued"]
            busy = [row for row in rows if row["status"] in {"starting", "running"}]
            return waiting if len(waiting) == 2 and len(busy) == 1 else None

        waiting = eventually(look)
        assert sorted(row["position"] for row in waiting) == [1, 2]
        assert all(row["waits_for"] for row in waiting)
    finally:
        demo.api("limits/", method="PATCH", body={"max_agents": limits["max_agents"]})


def _slow_trigger(demo: Installation) -> int:
    """A published trigger whose agent takes its time."""
    command = demo.api("runtime-commands/", method="POST", body={"name": "nap", "argv": ["sleep", "5"]})
    profile = demo.api(
        "agent-profiles/", method="POST", body={"name": "Napper", "runtime": "command", "command_id": command["id"]}
    )
    item = demo.info["demo"]["github_item_id"]
    document = {
        "name": "Nap",
        "priority": 5,
        "listeners": [{"context_item_id": item}],
        "conditions": {"all": [NEVER]},
        "agent": {"profile_id": profile["id"]},
    }
    trigger = demo.api("triggers/", method="POST", body=document)
    demo.api(f"triggers/{trigger['id']}/publish/", method="POST", body={})
    number: int = trigger["id"]
    return number


def test_a_second_start_on_the_same_data_says_so(demo: Installation) -> None:
    argv = [sys.executable, "-m", "dct_site.command", "run", "--port", "0", "--data", str(demo.data)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "already runs" in done.stderr


def test_a_port_that_is_taken_is_told_in_one_sentence(demo: Installation, tmp_path: os.PathLike[str]) -> None:
    port = demo.info["url"].rpartition(":")[2]
    argv = [sys.executable, "-m", "dct_site.command", "run", "--port", port, "--data", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
