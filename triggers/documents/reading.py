"""A typed reading of a stored trigger document, with every default filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import TextChoices

from agents.budget import BudgetBounds
from agents.enums import BudgetWindow, Criterion, Strategy
from triggers.documents.budget import millionths
from triggers.enums import BatchBy, CooldownBy, CooldownPolicy, LatePolicy, OverlapPolicy, QueuePolicy
from workspaces.enums import DeployMode

DEFAULT_PRIORITY = 5


@dataclass(frozen=True)
class ListenerPart:
    """What is listened to: one item, or everything of a connection. Exactly one of the two ids is set.

    ``polling_interval_ms`` is None where the trigger has no wish of its own.
    """

    context_item_id: int | None
    connection_id: int | None
    listener_type: str
    polling_interval_ms: int | None


_UNBOUND = frozenset({OverlapPolicy.ALLOW, OverlapPolicy.QUEUE})
_DELAYING = frozenset({CooldownPolicy.DELAY, CooldownPolicy.COALESCE})
_IN_TURN = frozenset({OverlapPolicy.QUEUE, OverlapPolicy.CANCEL_RUNNING})


@dataclass(frozen=True)
class LimitsPart:
    """How often, how many at once, how long. Seconds; None is "no limit"."""

    cooldown_s: int = 0
    cooldown_policy: CooldownPolicy = CooldownPolicy.SKIP
    cooldown_by: CooldownBy = CooldownBy.TRIGGER
    debounce_s: int | None = None
    debounce_max_s: int | None = None
    batch_size: int | None = None
    batch_s: int | None = None
    batch_by: BatchBy = BatchBy.ITEM
    rate_limit: int | None = None
    rate_window_s: int = 3600
    storm_limit: int | None = None
    overlap: OverlapPolicy = OverlapPolicy.ALLOW
    max_queued: int | None = None
    queue_policy: QueuePolicy = QueuePolicy.SKIP
    max_concurrent: int | None = None
    max_concurrent_per_item: int | None = None
    max_per_hour: int | None = None
    max_per_day: int | None = None
    budget_window: BudgetWindow = BudgetWindow.DAY
    budget_runs: int | None = None
    budget_tokens: int | None = None
    budget_money: float | None = None
    max_tokens_per_run: int | None = None
    max_money_per_run: float | None = None
    max_attempts: int = 3
    deadline_s: int = 3600
    expires_s: int = 86_400
    stale_after_s: int | None = None
    late: LatePolicy = LatePolicy.JUDGE

    @property
    def cooldown(self) -> timedelta:
        return timedelta(seconds=self.cooldown_s)

    @property
    def cools_by_item(self) -> bool:
        """Whether each item has a cooldown of its own."""
        return self.cooldown_by == CooldownBy.ITEM

    @property
    def rate_window(self) -> timedelta:
        return timedelta(seconds=self.rate_window_s)

    @property
    def is_bounded(self) -> bool:
        """Whether what it has under way already says something about its next run."""
        return self.max_queued is not None or self.overlap not in _UNBOUND or self.gathers

    @property
    def gathers(self) -> bool:
        """Whether its runs wait, and take events in meanwhile."""
        coalesces = bool(self.cooldown_s) and self.cooldown_policy == CooldownPolicy.COALESCE
        return bool(self.debounce_s or self.batch_s) or coalesces

    @property
    def gathers_always(self) -> bool:
        """Whether every run of it does, within a cooldown or not."""
        return bool(self.debounce_s or self.batch_s)

    @property
    def gathers_all(self) -> bool:
        """Whether one run gathers the events of all items."""
        return bool(self.batch_s) and self.batch_by == BatchBy.TRIGGER

    @property
    def delays(self) -> bool:
        """Whether a match within the cooldown waits for its end."""
        return self.cooldown_policy in _DELAYING

    @property
    def goes_in_turn(self) -> bool:
        """Whether a run begins only when what the trigger began for its item before has ended."""
        return self.overlap in _IN_TURN

    @property
    def budget(self) -> BudgetBounds:
        """What its runs may use up, and one of them."""
        return BudgetBounds(
            window=self.budget_window,
            runs=self.budget_runs,
            tokens=self.budget_tokens,
            money=None if self.budget_money is None else millionths(self.budget_money),
            tokens_per_run=self.max_tokens_per_run,
            money_per_run=None if self.max_money_per_run is None else millionths(self.max_money_per_run),
        )

    @property
    def expires(self) -> timedelta:
        """How long an execution may wait for its start."""
        return timedelta(seconds=self.expires_s)


_POLICIES: Mapping[str, type[TextChoices]] = {
    "cooldown_policy": CooldownPolicy,
    "cooldown_by": CooldownBy,
    "batch_by": BatchBy,
    "overlap": OverlapPolicy,
    "queue_policy": QueuePolicy,
    "late": LatePolicy,
    "budget_window": BudgetWindow,
}


@dataclass(frozen=True)
class Document:
    """A published document. `conditions` is a normalised tree; `deliverables` are as written."""

    name: str
    priority: int
    listeners: tuple[ListenerPart, ...]
    conditions: Any
    template_id: int | None
    deploy: DeployMode
    profile_id: int | None
    strategy: Strategy
    match_on: tuple[Criterion, ...]
    deliverables: tuple[Mapping[str, Any], ...]
    limits: LimitsPart

    @property
    def looks_first(self) -> bool:
        """Whether an agent that is at work already may be given what it fires for: then it asks for room only when
        there is none. A draft is for a person to review, and always made anew.
        """
        return self.strategy != Strategy.FRESH and self.deploy != DeployMode.DRAFT


def read(raw: Mapping[str, Any]) -> Document:
    """Read a document that `shape_problems` accepts; raises KeyError, TypeError or ValueError on any other."""
    workspace, agent = raw.get("workspace") or {}, raw.get("agent") or {}
    return Document(
        name=raw["name"],
        priority=raw.get("priority", DEFAULT_PRIORITY),
        listeners=tuple(_listener(part) for part in raw.get("listeners", ())),
        conditions=raw["conditions"],
        template_id=workspace.get("template_id"),
        deploy=DeployMode(workspace.get("deploy", DeployMode.AUTO)),
        profile_id=agent.get("profile_id"),
        strategy=Strategy(agent.get("strategy") or Strategy.FRESH),
        match_on=tuple(Criterion(one) for one in agent.get("match_on", Criterion.values)),
        deliverables=tuple(raw.get("deliverables", ())),
        limits=_limits(raw.get("limits") or {}),
    )


def _listener(raw: Mapping[str, Any]) -> ListenerPart:
    return ListenerPart(
        context_item_id=raw.get("context_item_id"),
        connection_id=raw.get("connection_id"),
        listener_type=raw.get("listener_type") or "",
        polling_interval_ms=raw.get("polling_interval_ms"),
    )


def _limits(raw: Mapping[str, Any]) -> LimitsPart:
    given = {name: value for name, value in raw.items() if value is not None}
    given |= {name: policy(given[name]) for name, policy in _POLICIES.items() if name in given}
    return LimitsPart(**given)
