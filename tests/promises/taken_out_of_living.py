"""How each guard of hints, of the end and of what runs leave behind is taken out, for the length of a block."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import patch

from accounts.models import JournalEntry, User
from agents.supervisor import Supervisor
from agents.supervisor.writer import Writer
from dct_site.live import sockets, updates
from dct_site.live.mailbox import Mailbox
from tests.promises.taken_out import Out


def the_rule_of_who_sees() -> Out:
    def all_of_them(entries: Sequence[JournalEntry], *, user: User) -> Sequence[JournalEntry]:
        return entries

    return patch.object(updates, "visible_entries", all_of_them)


def asking_again() -> Out:
    async def still(user_id: int, *_: Any) -> User:
        return await User.objects.aget(pk=user_id)

    return patch.object(sockets, "_still", still)


def telling_of_gaps() -> Out:
    def put(self: Mailbox, message: Mapping[str, Any]) -> None:
        self._waiting = [*self._waiting, message][-self._capacity :]
        self._filled.set()

    return patch.object(Mailbox, "put", put)


def ending_what_runs() -> Out:
    async def nothing(self: Supervisor) -> None:
        """Leave them."""

    return patch.object(Supervisor, "_let_go_of_all", nothing)


def looking_for_the_end_first() -> Out:
    serve = Supervisor._serve

    async def claim_first(self: Supervisor, stop: asyncio.Event | threading.Event) -> None:
        await self._claim()
        await serve(self, stop)

    return patch.object(Supervisor, "_serve", claim_first)


def forgetting_runs() -> Out:
    return patch.object(Writer, "drop_run", lambda self, run_id: None)
