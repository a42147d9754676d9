"""The model of a run, by what its provider speaks. Only the adapter that is needed is imported: each takes a second."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic_ai.models import Model

from agents.runtimes.llm.program.transport import client

MAKERS = {"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}
ADDRESSES = {**MAKERS, "openai_chat": MAKERS["openai"]}
RETRIES = 2
"""How often a request is made again at once, before the run fails and its agent is tried later."""
NO_KEY = "none"
"""What a server that asks for no key is told."""


def model_of(given: Mapping[str, Any]) -> Model:
    """The model that is asked: provider, api, base_url, model and key are those of ``ModelAccess``."""
    api, url = given["api"], given["base_url"] or ADDRESSES[given["api"]]
    build = _anthropic if api == "anthropic" else _openai
    return build(given["model"], api, {"base_url": url, "api_key": given["key"] or NO_KEY, "max_retries": RETRIES})


def _anthropic(name: str, api: str, options: dict[str, Any]) -> Model:  # noqa: ARG001 - one shape for both
    sdk = import_module("anthropic")
    models = import_module("pydantic_ai.models.anthropic")
    providers = import_module("pydantic_ai.providers.anthropic")
    asked = sdk.AsyncAnthropic(**options, http_client=client(options["base_url"]))
    return models.AnthropicModel(name, provider=providers.AnthropicProvider(anthropic_client=asked))  # type: ignore[no-any-return]


def _openai(name: str, api: str, options: dict[str, Any]) -> Model:
    sdk = import_module("openai")
    models = import_module("pydantic_ai.models.openai")
    providers = import_module("pydantic_ai.providers.openai")
    asked = sdk.AsyncOpenAI(**options, http_client=client(options["base_url"]))
    kind = models.OpenAIResponsesModel if api == "openai" else models.OpenAIChatModel
    return kind(name, provider=providers.OpenAIProvider(openai_client=asked))  # type: ignore[no-any-return]
