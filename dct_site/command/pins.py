"""Judges the requirements files: pinned, hashed, in step with what was asked for and with what is installed."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from dct_site.command.bootstrap import DEVELOPER_REQUIREMENTS, ROOT, USER_REQUIREMENTS


def read_asked(path: Path) -> list[Requirement]:
    """Return what a `.in` file asks for, without the files that it includes."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def read_pins(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return ({canonical name: version}, problems) of a compiled file, without pins that do not fit this Python."""
    pins: dict[str, str] = {}
    problems = []
    text = re.sub(r"\\\n", " ", path.read_text())
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            requirement = Requirement(re.split(r"\s--hash=", line)[0].strip())
        except InvalidRequirement:
            problems.append(f"{path.name}: {line.split()[0]} is not a pinned package of an index")
            continue
        if not re.fullmatch(r"==[^*,]+", str(requirement.specifier)):
            problems.append(f"{path.name}: {requirement.name} is not pinned to one version")
        elif "--hash=sha256:" not in line:
            problems.append(f"{path.name}: {requirement.name} has no hash")
        elif requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return pins, problems


def judge_asked(asked: list[Requirement], pins: dict[str, str], name: str) -> list[str]:
    """Return what is asked for and not pinned so."""
    fits = (
        (each, pins.get(canonicalize_name(each.name)))
        for each in asked
        if each.marker is None or each.marker.evaluate()
    )
    return [
        f"{name}: {each} is asked for and {version or 'nothing'} is pinned; compile it again"
        for each, version in fits
        if version is None or not each.specifier.contains(version, prereleases=True)
    ]


def judge_installed(pins: dict[str, str]) -> list[str]:
    """Return what is pinned and not installed in that version."""
    installed: dict[str, str] = {
        canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()
    }
    return [
        f"{name} {version} is pinned and {installed.get(name, 'nothing')} is installed"
        for name, version in pins.items()
        if installed.get(name) != version
    ]


def problems() -> list[str]:
    """Return everything that is wrong with the project's requirements, a sentence each."""
    user, found = read_pins(ROOT / USER_REQUIREMENTS)
    developer, more = read_pins(ROOT / DEVELOPER_REQUIREMENTS)
    found += more
    found += judge_asked(read_asked(ROOT / "requirements.in"), user, USER_REQUIREMENTS)
    found += judge_asked(read_asked(ROOT / "requirements-dev.in"), developer, DEVELOPER_REQUIREMENTS)
    found += [
        f"{name} is {version} in {USER_REQUIREMENTS} and {developer.get(name, 'absent')} in {DEVELOPER_REQUIREMENTS}"
        for name, version in user.items()
        if developer.get(name) != version
    ]
    return found + judge_installed(developer)
