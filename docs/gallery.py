"""Takes the pictures in ``docs/screenshots``: each page of a demo at work, in both themes, on a desktop and on a phone.

Run as ``python -m docs.gallery [PAGE…]``; it starts a demo of its own and needs Debian's Chromium.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from dct_site.bench.installation import Installation, descendants, eventually, post, pull_request, signed

HERE = Path(__file__).resolve().parent / "screenshots"
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
CHROMIUM = "/usr/bin/chromium"
PAGES = {
    "library": "/",
    "events": "/events/",
    "event": "/events/{event}/",
    "item": "/events/?item={item}",
    "replay": "/events/{event}/replay/",
    "replays": "/replays/",
    "replay-window": "/replays/new/",
    "deliveries": "/deliveries/",
    "delivery-rejected": "/deliveries/{rejected}/",
    "triggers": "/triggers/",
    "trigger": "/triggers/{trigger}/",
    "trigger-watches": "/triggers/{watching}/#ed-history",
    "trigger-try": "/triggers/{trigger}/try/",
    "trigger-backtest": "/triggers/{trigger}/backtest/",
    "trigger-backtest-silence": "/triggers/{silence}/backtest/",
    "needs-you": "/needs-you/",
    "executions": "/executions/",
    "execution": "/executions/{execution}/",
    "review": "/workspaces/{review}/review/",
    "workspaces": "/workspaces/",
    "workspace": "/workspaces/{workspace}/",
    "file": "/workspaces/{workspace}/files/feedback/review-brief.md",
    "agents": "/agents/",
    "agent": "/agents/{agent}/",
    "status": "/status/",
    "limits": "/limits/",
    "retention": "/retention/",
    "erase-person": "/retention/erase/",
    "erasures": "/erasures/",
    "connections": "/connections/",
    "templates": "/templates/",
    "template": "/templates/1/",
    "profiles": "/profiles/",
    "profile": "/profiles/1/",
    "audit": "/audit/",
    "account": "/me/",
    "admin": "/admin/",
}
AFTER_AN_OUTAGE = {"status-backlog": "/status/"}
"""Pages of another time: nothing of the others would look as it does on any other day."""


def main(wanted: list[str]) -> None:
    """Take all pictures, or those of the pages that are named."""
    HERE.mkdir(exist_ok=True)
    pages = {name: path for name, path in PAGES.items() if not wanted or name in wanted}
    with Installation("--demo") as demo, sync_playwright() as playwright:
        ids = _some_life(demo)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for theme, size in product(THEMES, SIZES):
            with _signed_in(browser, demo, theme, size) as page:
                for name, path in pages.items():
                    _take(page, demo.info["url"] + path.format(**ids), HERE / f"{name}-{size}-{theme}.png")
                if not wanted or "trigger-modal" in wanted:
                    _modal(page, demo.info["url"], HERE / f"trigger-modal-{size}-{theme}.png")
        later = {name: path for name, path in AFTER_AN_OUTAGE.items() if not wanted or name in wanted}
        if later:
            _outage(demo)
        for theme, size in product(THEMES, SIZES) if later else ():
            with _signed_in(browser, demo, theme, size) as page:
                for name, path in later.items():
                    _take(page, demo.info["url"] + path, HERE / f"{name}-{size}-{theme}.png")
        browser.close()
    _index(sorted({path.name.rsplit("-", 2)[0] for path in HERE.glob("*.png")}))


def _some_life(demo: Installation) -> dict[str, int]:
    """Two pull requests, a tag that waits for review, a spoilt signature; the ids that the pages need."""
    facts = demo.info["demo"]
    url, secret = facts["github_webhook_url"], facts["github_webhook_secret"]
    tag = _tag()
    for body, event in ((pull_request(231), "pull_request"), (pull_request(232), "pull_request"), (tag, "create")):
        post(url, body, signed(secret, body, event=event))
    post(url, tag, signed("not the secret", tag, event="create"))
    done = eventually(lambda: demo.api("executions/?status=succeeded")["results"], within_s=60)
    silence = _silence(demo, demo.api(f"triggers/{demo.api('executions/?status=succeeded')['results'][0]['trigger']}/"))
    review = eventually(lambda: demo.api("executions/?status=needs_attention")["results"], within_s=60)
    detail = demo.api(f"executions/{done[0]['id']}/")
    rejected = eventually(lambda: demo.api("deliveries/?status=rejected")["results"])
    return {
        "event": detail["event"],
        "trigger": detail["trigger"],
        "silence": silence,
        "execution": detail["id"],
        "workspace": detail["workspace"],
        "agent": detail["agents"][0]["id"],
        "review": review[0]["workspace"],
        "rejected": rejected[0]["id"],
        **_patience(demo, detail["trigger"]),
    }


def _silence(demo: Installation, like: dict[str, Any]) -> int:
    """A trigger that waits for silence, and a draft of it that waits for another."""
    is_opened, is_answered, is_tag = (
        {"type": "field", "config": {"path": "event.type", "operator": "prefix", "value": f"github.{kind}"}}
        for kind in ("pull_request.opened", "issue_comment", "create")
    )

    def waiting(within_s: int) -> dict[str, Any]:
        waits = {"after": is_opened, "without": is_answered, "within_s": within_s}
        return {"any": [{"type": "absence", "config": waits}, is_tag]}

    parts = {name: like[name] for name in ("workspace", "agent", "deliverables", "limits")}
    listeners = [{"connection_id": like["listeners"][0]["connection_id"]}]
    document = {**parts, "listeners": listeners, "name": "Pull requests that nobody answers", "conditions": waiting(2)}
    made = demo.api("triggers/", method="POST", body=document)
    demo.api(f"triggers/{made['id']}/publish/", method="POST", body={})
    demo.api(f"triggers/{made['id']}/", method="PATCH", body={"conditions": waiting(1)})
    return int(made["id"])


def _patience(demo: Installation, trigger: int) -> dict[str, int]:
    """A trigger that waits for silence, what it waits for, and a token with a rate of its own."""
    of_type = {"type": "field", "config": {"path": "event.type", "operator": "equals"}}
    opened, answered = (
        {**of_type, "config": {**of_type["config"], "value": f"github.{name}"}}  # type: ignore[dict-item]
        for name in ("pull_request.opened", "pull_request_review.submitted")
    )
    conditions = {
        "all": [{"type": "absence", "config": {"after": [opened], "without": [answered], "within_s": 86_400}}]
    }
    like = demo.api(f"triggers/{trigger}/")
    document = {name: like[name] for name in ("workspace", "agent", "deliverables", "limits")}
    document |= {"name": "Nobody reviewed it for a day", "conditions": conditions}
    document["listeners"] = [{"connection_id": like["listeners"][0]["connection_id"]}]
    made = demo.api("triggers/", method="POST", body=document)
    demo.api(f"triggers/{made['id']}/publish/", method="POST", body={})
    demo.api("tokens/", method="POST", body={"name": "build server", "scopes": ["events"], "events_per_minute": 120})
    _open_pull_requests(demo, range(241, 244))
    armed = eventually(lambda: demo.api(f"watches/?trigger={made['id']}&status=armed")["results"])
    return {"watching": made["id"], "item": armed[0]["context_item_id"]}


def _open_pull_requests(demo: Installation, numbers: range) -> None:
    facts = demo.info["demo"]
    for number in numbers:
        body = pull_request(number)
        post(facts["github_webhook_url"], body, signed(facts["github_webhook_secret"], body))


def _outage(demo: Installation) -> None:
    """Nothing was decided for as long as a backlog needs, and nothing may start yet."""
    demo.api("limits/", method="PATCH", body={"backlog_after_s": 10, "max_agents": 1})
    engine = _engine(demo)
    os.kill(engine, signal.SIGSTOP)
    try:
        _open_pull_requests(demo, range(251, 259))
        time.sleep(12)
    finally:
        os.kill(engine, signal.SIGCONT)
    eventually(lambda: (demo.api("status/")["backlog"] or {}).get("per_minute"), within_s=60)
    demo.api("limits/", method="PATCH", body={"max_agents": 0})


def _engine(demo: Installation) -> int:
    assert demo.process is not None  # noqa: S101 - it runs
    below = descendants(demo.process.pid)
    return next(pid for pid in below if b"dct_site.engine" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _tag() -> bytes:
    return (
        b'{"ref": "v2.4.0", "ref_type": "tag", "master_branch": "main", "pusher_type": "user",'
        b' "repository": {"id": 1, "name": "ferry-api", "full_name": "harbor/ferry-api",'
        b' "html_url": "https://github.com/harbor/ferry-api"}, "sender": {"login": "mona-dev", "id": 1}}'
    )


@contextmanager
def _signed_in(browser: Browser, demo: Installation, theme: str, size: str) -> Iterator[Page]:
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(demo.info["url"])
    page.fill("input[name=username]", demo.info["admin_user"])
    page.fill("input[name=password]", demo.info["admin_password"])
    page.click("button[type=submit]")
    page.wait_for_selector("h1")
    yield page
    context.close()


def _take(page: Page, url: str, target: Path) -> None:
    answer = page.goto(url)
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status if answer else 'nothing'}")
    if "backtest" in target.name:
        page.get_by_role("button", name="Back-test").click()
        page.locator("#bt-found").wait_for()
        page.locator("#bt-found").scroll_into_view_if_needed()
        page.mouse.wheel(0, 400)

    if "trigger-watches" in target.name:
        page.get_by_role("tab", name="History").click()
    if "trigger-try" in target.name:
        page.locator("details.tried summary").first.click()
    page.wait_for_timeout(400)
    page.screenshot(path=target)


def _modal(page: Page, url: str, target: Path) -> None:
    page.goto(url)
    page.get_by_text("Review brief for pull requests").first.click()
    page.locator("dialog[open]").wait_for()
    page.wait_for_timeout(400)
    page.screenshot(path=target)


def _index(names: list[str]) -> None:
    """The gallery's page."""
    lines = ["# Screenshots", "", "Each page of the demo at work, taken by `python -m docs.gallery`.", ""]
    for name in names:
        lines += [f"## {name.replace('-', ' ').capitalize()}", "", "| | light | dark |", "|---|---|---|"]
        for size in SIZES:
            cells = " | ".join(f"![{name}, {size}, {theme}]({name}-{size}-{theme}.png)" for theme in THEMES)
            lines.append(f"| {size} | {cells} |")
        lines.append("")
    (HERE / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
