"""The files that deploy DCT say what is so: roles, options, variables, addresses and copied files exist."""

import importlib
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import yaml

from dct_site.command.bootstrap import ROOT, commands
from dct_site.command.check import production
from dct_site.command.run import ROLES

KNOWN = set(re.findall(r"^#?(DCT_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
SHARED = {"DCT_DATABASE_URL", "DCT_BROKER_URL", "DCT_CHANNEL_URL"}
NEEDED = {name for name, value in production(ROOT).items() if value} | SHARED
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
KUBERNETES: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text()))


def _role_of(words: list[str]) -> str | None:
    """The role that a command line starts; it is one that `./dct` takes (argparse would end the test)."""
    name, *rest = words
    assert name in commands()
    if name != "run":
        return None
    module = importlib.import_module("dct_site.command.run")
    parser = ArgumentParser()
    module.add_arguments(parser)
    role: str | None = parser.parse_args(rest).role
    return role


def _paths(told: object) -> set[str]:
    return set(re.findall(r"/(?:healthz|readyz|metrics)\b", str(told)))


def _deployments() -> Iterator[dict[str, Any]]:
    return (one for one in KUBERNETES if one["kind"] == "Deployment")


def test_compose_starts_every_role_with_what_production_needs() -> None:
    services = {name: one for name, one in COMPOSE["services"].items() if one.get("image") == "dct"}
    assert sorted(_role_of(one["command"]) or "" for one in services.values()) == sorted(ROLES)
    for one in services.values():
        told = one["environment"]
        assert set(told) <= KNOWN
        assert set(told) >= NEEDED
        assert one["volumes"] == [f"files:{told['DCT_DATA_DIR']}"], "all share one volume"
        assert set(one["depends_on"]) <= set(COMPOSE["services"])
    assert {
        volume.partition(":")[0] for one in COMPOSE["services"].values() for volume in one.get("volumes", [])
    } == set(COMPOSE["volumes"])
    asked = set(re.findall(r"\$\{([A-Z_]+):\?\}", (ROOT / "docker-compose.yml").read_text()))
    assert asked - {"POSTGRES_PASSWORD"} <= KNOWN
    assert _paths(services["web"]["healthcheck"]) == {"/healthz"}


def test_kubernetes_starts_every_role_with_what_production_needs() -> None:
    kinds = {(one["kind"], one["metadata"]["name"]): one for one in KUBERNETES}
    config = kinds["ConfigMap", "dct"]["data"]
    secret = set(re.findall(r"--from-literal=(DCT_[A-Z_]+)=", (ROOT / "deploy" / "kubernetes.yaml").read_text()))
    assert set(config) | secret <= KNOWN
    assert set(config) | secret >= NEEDED
    assert not set(config) & secret
    containers = [one["spec"]["template"]["spec"] for one in KUBERNETES if one["kind"] in {"Deployment", "Job"}]
    for spec in containers:
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["envFrom"] == [{"configMapRef": {"name": "dct"}}, {"secretRef": {"name": "dct"}}]
            assert container["volumeMounts"] == [{"name": "files", "mountPath": config["DCT_DATA_DIR"]}]
            _role_of(container["args"])
        claim = spec["volumes"][0]["persistentVolumeClaim"]["claimName"]
        assert kinds["PersistentVolumeClaim", claim]["spec"]["accessModes"] == ["ReadWriteMany"]
    roles = [_role_of(one["spec"]["template"]["spec"]["containers"][0]["args"]) for one in _deployments()]
    assert sorted(role or "" for role in roles) == sorted(ROLES)


def test_kubernetes_finds_what_it_asks_for() -> None:
    kinds = {(one["kind"], one["metadata"]["name"]): one for one in KUBERNETES}
    for one in _deployments():
        labels = one["spec"]["template"]["metadata"]["labels"]
        assert one["spec"]["selector"]["matchLabels"] == labels
        (container,) = one["spec"]["template"]["spec"]["containers"]
        assert _role_of(container["args"]) == labels["role"] == container["name"]
    (web,) = kinds["Deployment", "dct-web"]["spec"]["template"]["spec"]["containers"]
    probes = [web[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    assert {probe["port"] for probe in probes} == {web["ports"][0]["containerPort"]} == {8000}
    assert kinds["Service", "dct-web"]["spec"]["ports"][0]["targetPort"] == 8000


def test_the_image_copies_what_there_is_and_installs_as_dct_does() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        assert [word for word in line.split()[:-1] if not (ROOT / word).exists()] == []
    assert set(re.findall(r"\b(DCT_[A-Z_]+)=", text)) <= KNOWN
    for name in re.findall(r"\./dct (\w+)", text):
        assert name in commands()
    # The step of the image that installs, with another call at its end: what it names is there.
    (step,) = re.findall(r'^RUN python3 -c "(.+)"$', text, re.MULTILINE)
    tried = step.replace(
        "ensure(Path('/opt/venv'), USER_REQUIREMENTS)", "print(Path('/opt/venv'), digest(USER_REQUIREMENTS))"
    )
    assert tried != step
    done = subprocess.run([sys.executable, "-c", tried], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:9]) == (0, "/opt/venv"), done.stderr


def test_no_file_that_deploys_holds_a_secret() -> None:
    for name in ("docker-compose.yml", "deploy/kubernetes.yaml", "Dockerfile"):
        text = (ROOT / name).read_text()
        assert re.findall(r"(?:SECRET_KEY|ENCRYPTION_KEYS|PASSWORD)\s*(?::(?!\?)|=)\s*(?!\$\{|…|:)\S", text) == []
