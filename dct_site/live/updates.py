"""The follower: reads the journal once for all websockets of this process and hands each what its user may see.

Hints (a wake-up, a layer message) only say "look"; what is told comes from the journal, so a lost hint costs a second
and never a message.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import Max

from accounts.models import JournalEntry, User
from agents.models import AgentMessage
from dct_site.kernel.journal import Cursor, head, journal_after
from dct_site.kernel.wake import Role, WakeListener, run_directory
from dct_site.layer import channel_layer
from dct_site.live.mailbox import Mailbox
from dct_site.live.topics import PLURALS, agents_in, conversation_message, status_message, topics_of
from dct_site.live.visibility import conversations, visible_entries

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
STOP_TRIES = 6
BATCH = 500
HINTS = "dct.announce"
T = TypeVar("T")


class Follower:
    """Feeds the mailboxes of this process's websockets."""

    def __init__(self) -> None:
        self._mailboxes: set[Mailbox] = set()
        self._said: dict[int, int] = {}
        self._cursor = Cursor()
        self._hint = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: WakeListener | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Begin at the journal's present end."""
        loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._hint = asyncio.Event()
        self._cursor = await self._in_thread(head)
        if settings.DCT_CHANNEL_URL:
            self._tasks.append(loop.create_task(self._take_hints()))
        else:
            self._listener = WakeListener(
                run_directory(), Role.WEB, lambda _topics: loop.call_soon_threadsafe(self._hint.set)
            ).start()
        self._tasks.append(loop.create_task(self._follow()))

    async def stop(self) -> None:
        pending = set(self._tasks)
        # A layer may swallow a cancellation that meets its blocking read; one that is asked again ends.
        for _ in range(STOP_TRIES):
            for task in pending:
                task.cancel()
            if pending:
                _, pending = await asyncio.wait(pending, timeout=0.5)
        self._tasks.clear()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._thread is not None:
            await self._in_thread(connections.close_all)
            self._thread.shutdown()

    def join(self, mailbox: Mailbox) -> None:
        self._mailboxes.add(mailbox)

    def leave(self, mailbox: Mailbox) -> None:
        self._mailboxes.discard(mailbox)

    async def look(self) -> int:
        """Read what is new and hand it out; return how many journal entries there were."""
        entries, self._cursor = await self._in_thread(lambda: journal_after(self._cursor, limit=BATCH))
        if self._mailboxes:
            await self._hand_out([entry for entry in entries if entry.kind in PLURALS])
            await self._hand_out_talk()
        return len(entries)

    async def since(self, mailbox: Mailbox, entries: Sequence[JournalEntry]) -> None:
        """Hand one mailbox entries from before it joined (what changed while its page was on its way)."""
        await self._hand_to([mailbox], [(entry, topics_of(entry)) for entry in entries if entry.kind in PLURALS])

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hint.wait(), SWEEP_S)
            self._hint.clear()
            try:
                while await self.look() == BATCH:
                    pass
            except Exception:  # the loop's edge: the database may be away for a moment
                log.exception("live_follower_failed")
                await self._in_thread(close_old_connections)  # one that the database hung up on is made anew
                await asyncio.sleep(SWEEP_S)

    async def _take_hints(self) -> None:
        """Scaled: hints come over the channel layer; one that is lost is made up for by the sweep."""
        layer = channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(HINTS, channel)
        while True:
            try:
                await layer.receive(channel)
                self._hint.set()
            except Exception as error:  # noqa: BLE001 - the layer's server may be away; sweeping goes on
                log.warning("live_hints_lost", error=str(error))
                await asyncio.sleep(SWEEP_S)

    async def _hand_out(self, entries: Sequence[JournalEntry]) -> None:
        told = [(entry, topics_of(entry)) for entry in entries]
        by_user: dict[int, list[Mailbox]] = defaultdict(list)
        for mailbox in self._mailboxes:
            if any(topics & mailbox.topics for _, topics in told):
                by_user[mailbox.user.pk].append(mailbox)
        for mailboxes in by_user.values():
            await self._hand_to(mailboxes, told)

    async def _hand_to(self, mailboxes: Sequence[Mailbox], told: Iterable[tuple[JournalEntry, frozenset[str]]]) -> None:
        """Mailboxes of one user: the rule is asked once for all of them."""
        wanted = set[str]().union(*(mailbox.topics for mailbox in mailboxes))
        asked = [(entry, topics) for entry, topics in told if topics & wanted]
        user: User = mailboxes[0].user
        seen = await self._in_thread(lambda: visible_entries([entry for entry, _ in asked], user=user))
        allowed = {entry.pk for entry in seen}
        for entry, topics in asked:
            if entry.pk in allowed:
                for mailbox in mailboxes:
                    if topics & mailbox.topics:
                        mailbox.put(status_message(entry, topics))

    async def _hand_out_talk(self) -> None:
        wanted = {mailbox: agents_in(mailbox.topics) for mailbox in self._mailboxes}
        agents = set[int]().union(*wanted.values())
        if not agents:
            self._said.clear()
            return
        latest = await self._in_thread(lambda: _last_said(agents))
        news = {agent: seq for agent, seq in latest.items() if self._said.get(agent) != seq}
        self._said = latest
        for mailbox, followed in wanted.items():
            about = followed & news.keys()
            if about:
                user = mailbox.user
                for agent in sorted(await self._in_thread(lambda u=user, a=about: conversations(a, user=u))):  # type: ignore[misc]
                    mailbox.put(conversation_message(agent, news[agent]))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Database work on the follower's own thread and connection."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _last_said(agents: set[int]) -> dict[int, int]:
    rows: Any = AgentMessage.objects.filter(agent_id__in=agents).order_by().values_list("agent_id")
    return dict(rows.annotate(last=Max("seq")))


follower = Follower()
"""The follower of this process."""
