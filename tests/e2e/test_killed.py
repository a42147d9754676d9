"""`kill -9` in the middle, and a start on what is left."""

import pytest

from dct_site.bench.installation import Installation, post, pull_request, signed
from tests.e2e.ending import finished

pytestmark = [pytest.mark.one_pass, pytest.mark.slow]


def test_killed_in_the_middle_and_started_again_it_finishes_once() -> None:
    demo = Installation("--demo")
    try:
        demo.start()
        facts, body = demo.info["demo"], pull_request(5)
        _, told = post(facts["github_webhook_url"], body, signed(facts["github_webhook_secret"], body))
        demo.kill_everything()
        demo.start()
        execution = finished(demo, told["delivery"])
        assert execution["status"] == "succeeded"
        assert len(demo.api(f"executions/?event={execution['event']}")["results"]) == 1
        assert demo.stop() == 0
    finally:
        demo.__exit__(None, None, None)
