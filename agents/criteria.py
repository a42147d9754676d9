"""The four criteria by which agents are matched, as they were when an agent began: a pure function of its profile.

What may be long, or is not for every reader, is kept as a fingerprint: it is compared, never shown.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from agents.enums import Criterion
from agents.models import AgentProfile


def criteria_of(profile: AgentProfile, *, instructions: str = "") -> dict[str, str]:
    """{criterion: value} of an agent of ``profile`` that is told ``instructions`` beside those of the profile.

    The program counts with the instructions, with its version: an agent that runs an older one is another agent.
    """
    command = profile.command
    program = [profile.runtime, command.pk if command else None, command.version if command else None]
    return {
        Criterion.MODEL.value: profile.model,
        Criterion.INSTRUCTIONS.value: _fingerprint([*program, profile.instructions, instructions]),
        Criterion.PERMISSIONS.value: _fingerprint(profile.permissions),
        Criterion.USER_COMMENT.value: _fingerprint(profile.user_comment),
    }


def differing(known: Mapping[str, str], wanted: Mapping[str, str], on: Collection[Criterion]) -> list[Criterion]:
    """Those of the criteria ``on`` that are not exactly equal. What is not known of an agent equals nothing."""
    return [one for one in Criterion if one in on and known.get(one.value) != wanted[one.value]]


def _fingerprint(value: Any) -> str:
    raw = json.dumps(value, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
    return hashlib.sha256(raw).hexdigest()[:32]
