"""GitHub's own example payloads, from the npm package `@octokit/webhooks-examples`, kept outside the checkout."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VARIABLE = "DCT_OCTOKIT_EXAMPLES"
PACKAGE = "@octokit/webhooks-examples@7.6.1"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dct" / "octokit-7.6.1.json"


class NotThere(Exception):
    """The examples are neither given nor to be had; the message says why."""


def examples() -> list[tuple[str, dict[str, Any]]]:
    """(event name, payload) of every example: those of `DCT_OCTOKIT_EXAMPLES` (an index.json), of the cache, or of the
    network. Raises NotThere.
    """
    given = Path(os.environ[VARIABLE]) if VARIABLE in os.environ else CACHE
    if not given.exists():
        if not os.environ.get("DCT_TEST_SLOW"):
            raise NotThere("GitHub's examples are fetched with --all (or DCT_TEST_SLOW=1).")
        fetch()
    found = json.loads(given.read_bytes())
    return [(entry["name"], example) for entry in found for example in entry["examples"]]


def as_sent(payload: dict[str, Any]) -> bytes:
    """A payload as GitHub would send it."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def fetch() -> None:
    """Pack the package with npm into the cache. Raises NotThere."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotThere("npm is not installed.")
    with tempfile.TemporaryDirectory(prefix="dct-octokit-") as directory:
        command = [npm, "pack", "--silent", "--fetch-retries=1", "--pack-destination", directory, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=directory, check=False)
        packed = list(Path(directory).glob("*.tgz"))
        if done.returncode or not packed:
            raise NotThere(f"npm could not fetch {PACKAGE}: {done.stderr.strip()[-200:]}")
        with tarfile.open(packed[0]) as archive:
            member = archive.extractfile("package/api.github.com/index.json")
            if member is None:
                raise NotThere(f"{PACKAGE} has no index.json.")
            content = member.read()
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    staged = CACHE.with_suffix(f".{os.getpid()}")
    staged.write_bytes(content)
    staged.replace(CACHE)
