"""The loop: ask the model, do what it wants by its tools, keep every step; until it says that it is done."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic_ai.direct import model_request
from pydantic_ai.messages import (
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from agents.runtimes.llm.program import tools
from agents.runtimes.llm.program.history import History, News
from agents.runtimes.llm.program.spending import Spending
from agents.runtimes.llm.program.telling import tell
from agents.runtimes.llm.program.troubles import Trouble

MOST_CALLS = 32
"""Of one answer; the rest are refused, so that what they answer can be kept."""


@dataclass(slots=True)
class Worker:
    """One run of one agent."""

    model: Model
    history: History
    desk: tools.Desk
    tools: Mapping[str, tools.Tool]
    spending: Spending
    answer_tokens: int

    async def work(self, news: News) -> None:
        """Until the model is done, or has asked a person (``desk.question``). Raises Trouble, TooLong and what asking
        raises; what was done until then is kept.
        """
        await self._answer_calls()
        if self.desk.question:
            return
        if news.parts:
            self.history.tell(news)
        while not self.desk.question:
            response = await self._ask()
            if not response.tool_calls:
                return
            await self._answer_calls()

    async def _ask(self) -> ModelResponse:
        self.spending.check()
        definitions = [
            ToolDefinition(name=one.name, description=one.description, parameters_json_schema=one.schema)
            for one in self.tools.values()
        ]
        response = await model_request(
            self.model,
            self.history.messages,
            model_settings=ModelSettings(max_tokens=self.answer_tokens),
            model_request_parameters=ModelRequestParameters(function_tools=definitions),
        )
        self.spending.add(response)
        self._tell(response)
        self._must_be_whole(response)
        self.history.add(response)
        return response

    def _must_be_whole(self, response: ModelResponse) -> None:
        """An answer that was cut off is not kept: nobody goes on from half a call."""
        if response.finish_reason == "length":
            words = (
                f"An answer of the model was cut off at {self.answer_tokens:,} tokens. Raise “max_answer_tokens” in "
                "the profile's permissions, or ask for less at once."
            )
            raise Trouble(words)
        if response.finish_reason == "content_filter":
            raise Trouble("The model withheld its answer by its own rules. Ask for something else, or another model.")
        said = any(isinstance(part, TextPart) and part.content.strip() for part in response.parts)
        if not said and not response.tool_calls:
            words = "The model answered nothing. It is tried again; take another model if it goes on."
            raise Trouble(words, is_hopeless=False)
        if response.finish_reason == "error":
            raise Trouble("The model broke its answer off with an error. It is tried again later.", is_hopeless=False)

    def _tell(self, response: ModelResponse) -> None:
        for part in response.parts:
            if isinstance(part, ThinkingPart) and part.content.strip():
                tell("text", text=part.content, is_thinking=True)
            elif isinstance(part, TextPart) and part.content.strip():
                tell("text", text=part.content)

    async def _answer_calls(self) -> None:
        """Do what the last answer wants, if it is one with calls, in their order."""
        last = self.history.last
        if not isinstance(last, ModelResponse) or not last.tool_calls:
            return
        answers: list[ModelRequestPart] = [
            await self._answer(call, is_one_too_many=number >= MOST_CALLS)
            for number, call in enumerate(last.tool_calls)
        ]
        self.history.add(ModelRequest(parts=answers))

    async def _answer(self, call: ToolCallPart, *, is_one_too_many: bool) -> ToolReturnPart:
        try:
            given = call.args_as_dict(raise_if_invalid=True)
        except (ValueError, AssertionError):
            given = None
        tell("tool_call", text=call.tool_name, name=call.tool_name, input=given)
        if is_one_too_many:
            said, is_error = f"At most {MOST_CALLS} calls at once.", True
        else:
            said, is_error = await asyncio.to_thread(tools.use, self.tools, self.desk, call.tool_name, given)
        tell("tool_result", text=said, name=call.tool_name, **({"is_error": True} if is_error else {}))
        return ToolReturnPart(tool_name=call.tool_name, content=said, tool_call_id=call.tool_call_id)
