"""A small project of the same shape: `./dct` and its set-up, with one package that needs no network to install."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from dct_site.command.bootstrap import ROOT

HELLO = '''"""Says where it runs."""
import os, sys, demo
SUMMARY = "says where it runs"
PASSES_THROUGH = True
def add_arguments(parser): pass
def main(args):
    print(demo.VERSION, os.getpid(), os.getcwd(), sys.prefix, *args.rest, sep="|")
    return 7
'''


@dataclass(frozen=True)
class Project:
    """A checkout in a directory with spaces; `run` starts its `./dct` as a person would."""

    home: Path

    @property
    def dct(self) -> Path:
        """Return the script."""
        return self.home / "dct"

    @property
    def venv(self) -> Path:
        """Return where its environment is or will be."""
        return self.home / ".venv"

    def pin(self, version: str, *, digest: str = "") -> None:
        """Offer the package in one more version and ask for it, with its hash or a wrong one."""
        wheels = self.home / "wheels"
        wheels.mkdir(exist_ok=True)
        wheel = wheels / f"demo-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            info = f"demo-{version}.dist-info"
            archive.writestr("demo.py", f"VERSION = {version!r}\n")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        found = digest or hashlib.sha256(wheel.read_bytes()).hexdigest()
        for name in ("requirements.txt", "requirements-dev.txt"):
            (self.home / name).write_text(f"demo=={version} \\\n    --hash=sha256:{found}\n")

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment with no network, a `python3` of this version and nothing of this test run's."""
        return {
            "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "PIP_NO_INDEX": "1",
            "PIP_CACHE_DIR": str(self.home / "cache"),
            "PIP_FIND_LINKS": (self.home / "wheels").as_uri(),
            **more,
        }

    def start(self, *words: str, cwd: Path | None = None, **more: str) -> "subprocess.Popen[str]":
        """Start `./dct` with these words and return the process."""
        return subprocess.Popen(
            [str(self.dct), *words], cwd=cwd or self.home, env=self.environment(**more), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: str, cwd: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run `./dct` with these words to its end."""
        with self.start(*words, cwd=cwd, **more) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def make_project(home: Path) -> Project:
    """Make a checkout that has not been set up."""
    command = home / "dct_site" / "command"
    command.mkdir(parents=True)
    (home / "dct_site" / "__init__.py").touch()
    for name in ("__init__.py", "__main__.py", "bootstrap.py"):
        shutil.copy(ROOT / "dct_site" / "command" / name, command / name)
    shutil.copy(ROOT / "dct", home / "dct")
    (command / "hello.py").write_text(HELLO)
    (command / "broken.py").write_text(
        '"""Needs what is missing."""\nimport not_there\nSUMMARY = "cannot be imported"\n'
    )
    (home / "bin").mkdir()
    base = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    (home / "bin" / "python3").symlink_to(base)
    project = Project(home)
    project.pin("1.0")
    return project


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A checkout that has never been started."""
    return make_project(tmp_path / "a check out")


@pytest.fixture(scope="session")
def _set_up_once(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("set up") / "a check out")
    done = project.run("hello")
    assert done.returncode == 7, done.stderr
    return project


@pytest.fixture
def ready(_set_up_once: Project, tmp_path: Path) -> Project:
    """A checkout with its environment made; a copy, to be spoiled."""
    shutil.copytree(_set_up_once.home, tmp_path / "a check out", symlinks=True)
    return Project(tmp_path / "a check out")
