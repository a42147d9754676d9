"""Items as a batch of deliveries sees them: each event changes the copy in memory, the commit writes what came."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Connection
from triggers.conditions.facts import ItemFacts, same
from triggers.services.decide import sql as decide_sql
from triggers.sources.base import ItemRef
from workspaces.models import ContextItem

Key = tuple[int, str, str]
"""(connection id, kind, external key)."""


@dataclass
class Step:
    """One new state of an item. ``event_at`` is the place of its event in the batch."""

    version: int
    state: dict[str, Any]
    changes: dict[str, Any]
    upstream_version: str
    trust_tier: str
    event_at: int


@dataclass(eq=False)
class Slot:
    """One item of the batch. ``row`` has no pk while it is only planned; ``base_version`` is what was read."""

    row: ContextItem
    parent: "Slot | None"
    base_version: int
    is_touched: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.row.pk is None

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids that a trigger may listen by: the item's own and its parent's, where they have one yet."""
        parent_id = self.parent.row.pk if self.parent is not None else self.row.parent_id
        return tuple(int(found) for found in (self.row.pk, parent_id) if found is not None)

    @property
    def depth(self) -> int:
        """How many stand above it in the batch."""
        return 0 if self.parent is None else 1 + self.parent.depth

    def facts(self) -> ItemFacts:
        return ItemFacts(
            kind=self.row.kind, key=self.row.external_key, state=self.row.state, version=self.row.state_version
        )

    def is_overtaken_by(self, upstream_version: str) -> bool:
        """Whether what is known already is newer than a report of this version; equal or unknown ones are not."""
        return bool(upstream_version) and upstream_version < self.row.upstream_version

    def differences(self, state: Mapping[str, Any]) -> dict[str, list[Any]]:
        """{path: [before, after]} of what a report says differently. First sight of an item changes nothing."""
        known = self.row.state
        return {
            path: [known[path], value]
            for path, value in state.items()
            if path in known and not same(known[path], value)
        }

    def learn(self, ref: ItemRef, now: datetime) -> None:
        """Take over title and address from a report that is not late."""
        title, url = ref.title[:300], ref.url if len(ref.url) <= 1000 else ""
        if (title and title != self.row.title) or (url and url != self.row.url):
            self.row.title, self.row.url = title or self.row.title, url or self.row.url
            self.is_touched = True
        self.row.changed_at = now

    def become(self, state: Mapping[str, Any], *, upstream_version: str, trust_tier: str, event_at: int) -> None:
        """Merge a reported state; a new version only where something really differs."""
        merged = {**self.row.state, **state}
        newer = max(upstream_version, self.row.upstream_version)
        if self.row.state_version and same(merged, self.row.state):
            self.is_touched = self.is_touched or newer != self.row.upstream_version
            self.row.upstream_version = newer
            return
        changes = self.differences(state)
        self.row.state, self.row.upstream_version = merged, newer
        self.row.state_version += 1
        self.steps.append(Step(self.row.state_version, merged, changes, newer, trust_tier, event_at))
        self.is_touched = True


Item = int | Slot | None
"""The id of an item, a slot that has none yet, or None: events about no item are about the same."""


def item_of(slot: Slot | None) -> Item:
    """What an event is about that has this slot."""
    if slot is None:
        return None
    return slot if slot.is_new else slot.row.pk


class Shelf:
    """The items of a batch. Looked up once; what is missing and may be made is planned."""

    def __init__(self, *, refs: Iterable[tuple[int, ItemRef]], item_ids: Iterable[int], now: datetime) -> None:
        self._now = now
        self._by_key: dict[Key, Slot] = {}
        self._by_id: dict[int, Slot] = {}
        wanted = {key for connection_id, ref in refs for key in _keys(connection_id, ref)}
        self._load(wanted, set(item_ids))
        self._open, self._listened = _listened_to({connection_id for connection_id, _, _ in wanted}, set(self._by_id))

    @property
    def slots(self) -> list[Slot]:
        """Parents before children."""
        return sorted(self._by_key.values(), key=lambda slot: slot.depth)

    def by_id(self, item_id: int) -> Slot | None:
        return self._by_id.get(item_id)

    def find(self, connection_id: int, ref: ItemRef) -> Slot | None:
        """The item of a reference, planned where it may be made; None where nobody watches it."""
        key = _key(connection_id, ref)
        slot = self._by_key.get(key)
        if slot is not None:
            return slot
        parent = self.find(connection_id, ref.parent) if ref.parent is not None else None
        if not self._may_make(connection_id, parent):
            return None
        row = ContextItem(
            connection_id=connection_id,
            parent=parent.row if parent is not None and parent.row.pk else None,
            kind=ref.kind,
            external_key=ref.key[:500],
            title=ref.title[:300] or _own_title(connection_id, ref),
            url=ref.url if len(ref.url) <= 1000 else "",
            # What a connection reports of itself gets a card; what hangs under it shows on that card.
            is_watched=ref.parent is None,
            created_at=self._now,
            changed_at=self._now,
        )
        slot = self._by_key[key] = Slot(row, parent, 0, is_touched=True)
        return slot

    def _may_make(self, connection_id: int, parent: Slot | None) -> bool:
        """Everything under a connection that is listened to as a whole; else children of what is watched."""
        if connection_id in self._open:
            return True
        return parent is not None and (parent.row.is_watched or parent.row.pk in self._listened)

    def _load(self, keys: set[Key], ids: set[int]) -> None:
        rows = [*decide_sql.items_by_key(keys), *decide_sql.items(ids)]
        found = {(row.connection_id, row.kind, row.external_key): row for row in rows}
        for key, row in found.items():
            self._by_key[key] = self._by_id[row.pk] = Slot(row, None, row.state_version)


def _listened_to(connection_ids: set[int], item_ids: set[int]) -> tuple[set[int], set[int]]:
    """(the connections that are listened to as a whole, the items that are), among these."""
    if not connection_ids and not item_ids:
        return set(), set()
    found = decide_sql.listened_to(connection_ids, item_ids)
    whole = {connection_id for connection_id, item_id in found if item_id is None}
    return whole, {item_id for _, item_id in found if item_id is not None}


def _own_title(connection_id: int, ref: ItemRef) -> str:
    """What a connection reports of itself, and has no name for, is called as the connection is."""
    if ref.parent is not None:
        return ""
    return Connection.objects.values_list("name", flat=True).get(pk=connection_id)[:300]


def _key(connection_id: int, ref: ItemRef) -> Key:
    return connection_id, str(ref.kind), ref.key[:500]


def _keys(connection_id: int, ref: ItemRef) -> list[Key]:
    return [_key(connection_id, ref), *(_keys(connection_id, ref.parent) if ref.parent is not None else ())]
