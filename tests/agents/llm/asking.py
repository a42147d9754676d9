"""Agents that ask a scripted model, under a real supervisor."""

from typing import Any

from agents.models import Agent
from tests.agents.supervising import admitted_agent
from tests.factories.agents import make_profile, make_provider
from tests.factories.workspaces import make_workspace
from workspaces.enums import TrustTier

CANARY = "sk-canary-7f3a91x"
PATHS = {"anthropic": "", "openai": "/v1", "openai_chat": "/v1"}


def asking(url: str, api: str = "anthropic", *, tier: TrustTier = TrustTier.VERIFIED, **over: Any) -> Agent:
    """An agent of a profile that asks the server at ``url``."""
    make_provider(url + PATHS[api], name="scripted", api=api, key=CANARY)
    profile = make_profile(**{"runtime": "llm", "model": "scripted:counts", "max_attempts": 1, **over})
    return admitted_agent(profile, workspace=make_workspace(trust_tier=tier))
