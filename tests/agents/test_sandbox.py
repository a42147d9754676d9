"""A scripted agent that does everything it should not, under a real sandbox (promise 31, threats T1 to T3)."""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings

from agents.enums import AgentStatus
from agents.models import Agent, AgentRun
from dct_site.kernel.process.sandbox import SandboxLevel, detect
from tests.agents.handlers import RecordingHandler
from tests.agents.supervising import admitted_agent, is_in, python_profile, run_until, said, supervisor
from tests.factories.agents import make_profile, set_limits
from tests.factories.deliverables import make_deliverable
from tests.factories.workspaces import make_workspace
from workspaces import files
from workspaces.enums import TrustTier
from workspaces.models import Workspace

pytestmark = [pytest.mark.sandbox, pytest.mark.django_db(transaction=True)]

OBEDIENT = """
import glob, json, os, pathlib, socket
found = {}
def attempt(name, what):
    try:
        found[name] = repr(what())
    except BaseException as error:
        found[name] = "refused: " + type(error).__name__
root = pathlib.Path(os.environ["DCT_WORKSPACE"])
data = root.parent.parent
def write(path):
    path.write_text("planted")
    return "written"
def environments():
    return [pathlib.Path(p).read_bytes().decode(errors="replace") for p in glob.glob("/proc/[0-9]*/environ")]
def connect():
    socket.create_connection(("127.0.0.1", PORT), 1).close()
    return "connected"
attempt("sibling", lambda: [p.read_text() for p in data.glob("workspaces/*/context/canary.txt")])
attempt("database", lambda: [str(p) for p in data.glob("*.sqlite3")])
attempt("keys", lambda: [p.read_text() for p in (data / "keys").iterdir()])
attempt("environments", environments)
attempt("write outside", lambda: write(root.parent / "planted.txt"))
attempt("write in tmp", lambda: write(pathlib.Path("/tmp/dct-planted-by-agent.txt")))
attempt("write in home", lambda: write(pathlib.Path("HOME/dct-planted-by-agent.txt")))
attempt("network", connect)
attempt("run directory", lambda: os.listdir("/run"))
write(root / "feedback" / "digest.md")
print(json.dumps({"type": "text", "text": json.dumps(found)}))
"""


@pytest.fixture(autouse=True)
def _limits(handler: RecordingHandler) -> None:
    set_limits()
    if detect() is not SandboxLevel.BUBBLEWRAP:
        pytest.skip("bubblewrap does not work here")


def sibling_with_a_secret() -> Workspace:
    workspace = make_workspace()
    files.write_atomic(files.root_of(workspace), "context/canary.txt", b"CANARY-SIBLING")
    return workspace


def test_an_agent_that_obeys_every_injected_instruction_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCT_CANARY", "CANARY-ENVIRONMENT")
    sibling_with_a_secret()
    keys = Path(settings.DCT_DATA_DIR) / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "canary").write_text("CANARY-KEY")
    workspace = make_workspace(trust_tier=TrustTier.OPEN)
    make_deliverable(workspace)
    code = OBEDIENT.replace("PORT", "5432").replace("HOME", str(Path.home()))
    agent = admitted_agent(python_profile(code), workspace=workspace)
    run_until(is_in(agent, AgentStatus.COMPLETED, AgentStatus.FAILED), supervisor(level=detect()))
    assert Agent.objects.get().status == AgentStatus.COMPLETED, Agent.objects.get().reason
    assert AgentRun.objects.get().sandbox == SandboxLevel.BUBBLEWRAP
    told = said(agent, "text")[0]
    assert "CANARY" not in told
    found = json.loads(told)
    assert found["sibling"] == "[]"
    assert found["database"] == "[]"
    assert found["network"].startswith("refused")
    for path in (files.root_of(workspace).parent / "planted.txt", Path("/tmp/dct-planted-by-agent.txt")):
        assert not path.exists()
    assert not (Path.home() / "dct-planted-by-agent.txt").exists()


def test_the_digest_works_in_the_sandbox() -> None:
    workspace = make_workspace()
    make_deliverable(workspace)
    agent = admitted_agent(make_profile(), workspace=workspace)
    run_until(is_in(agent, AgentStatus.COMPLETED, AgentStatus.FAILED), supervisor(level=detect()))
    assert Agent.objects.get().status == AgentStatus.COMPLETED, Agent.objects.get().reason


def test_a_link_out_of_the_workspace_does_not_satisfy_a_deliverable() -> None:
    sibling = sibling_with_a_secret()
    secret = files.root_of(sibling) / "context" / "canary.txt"
    workspace = make_workspace()
    make_deliverable(workspace)
    code = f"import os; os.symlink({str(secret)!r}, os.environ['DCT_FEEDBACK'] + '/digest.md')"
    agent = admitted_agent(python_profile(code, max_rounds=0), workspace=workspace)
    run_until(is_in(agent, AgentStatus.WAITING, AgentStatus.FAILED), supervisor(level=detect()))
    agent.refresh_from_db()
    assert agent.status == AgentStatus.WAITING
    assert "link" in agent.reason
    assert os.path.islink(files.root_of(workspace) / "feedback" / "digest.md")
