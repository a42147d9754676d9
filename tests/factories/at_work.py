"""An agent at work and news for it: a trigger whose strategy gives what it fires for to that agent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.enums import Strategy
from agents.models import Agent
from agents.services import admission
from tests.factories.agents import set_limits
from tests.factories.executions import NOON, agent_of, make_event, make_execution, make_running_trigger
from triggers.models import Execution, Trigger
from triggers.services.launch.admitted import launch_some
from workspaces.models import ContextItem


@dataclass
class AtWork:
    """``first`` has its agent at work about ``item``; ``trigger`` has the strategy."""

    trigger: Trigger
    item: ContextItem
    first: Execution

    @property
    def agent(self) -> Agent:
        return agent_of(self.first)

    def news(self, *, trigger: Trigger | None = None, now: datetime = NOON, **over: Any) -> Execution:
        """The execution of another event about the item, admitted and not launched yet."""
        event = make_event(self.item, now=now, **{"changes": {"title": ["a", "b"]}, **over})
        execution = make_execution(event=event, trigger=trigger or self.trigger, now=now)
        admission.admit(now=now)
        return fresh(execution)

    def given(self, *, trigger: Trigger | None = None, now: datetime = NOON, **over: Any) -> Execution:
        """The same, launched."""
        execution = self.news(trigger=trigger, now=now, **over)
        launch_some(owner="test", now=now)
        return fresh(execution)


def fresh(execution: Execution) -> Execution:
    """As the database has it now."""
    return Execution.objects.select_related("workspace", "start", "news").get(pk=execution.pk)


def at_work(strategy: Strategy, *, agent: dict[str, Any] | None = None, **parts: Any) -> AtWork:
    """A pending agent that holds its slot, and the trigger that began it; ``parts`` go into the document."""
    set_limits(max_agents=parts.pop("max_agents", 4))
    trigger = make_running_trigger(agent={"strategy": strategy.value, **(agent or {})}, **parts)
    event = make_event()
    assert event.item is not None
    first = make_execution(event=event, trigger=trigger)
    launch(first)
    return AtWork(trigger, event.item, fresh(first))


def launch(execution: Execution, now: datetime = NOON) -> Execution:
    """Admit and launch until nothing moves: one that finds no agent asks for room in a second round."""
    for _ in range(3):
        admission.admit(now=now)
        launch_some(owner="test", now=now)
    return fresh(execution)
