"""The threads beside the loop: one for the database, two for what reads files or may take long."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from django.db import connection

Value = TypeVar("Value")


SIDE = 2


class Threads:
    """Calls that block; what they log is about what their caller is. Each thread keeps one connection: to open one
    takes a millisecond of each run's start.
    """

    def __init__(self) -> None:
        self._database = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dct-agents-db")
        self._side = ThreadPoolExecutor(max_workers=SIDE, thread_name_prefix="dct-agents-side")

    async def database(self, function: Callable[..., Value], *args: Any, **kwargs: Any) -> Value:
        """A short call, in order with all others of this supervisor."""
        call = partial(_on_a_live_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._database, copy_context().run, call)

    async def side(self, function: Callable[..., Value], *args: Any, **kwargs: Any) -> Value:
        """A call that may take long: renewals go on meanwhile."""
        call = partial(_on_a_live_connection, partial(function, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._side, copy_context().run, call)

    async def close(self) -> None:
        """Wait for the calls under way and close the connections."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._database, _close)
        all_here = threading.Barrier(SIDE)  # each call waits for the other, so that each thread gets one
        await asyncio.gather(*(loop.run_in_executor(self._side, _close_together, all_here) for _ in range(SIDE)))
        self._database.shutdown(wait=True)
        self._side.shutdown(wait=True)


def _close() -> None:
    connection.close()  # looked up here: each thread has its own


def _close_together(all_here: threading.Barrier) -> None:
    all_here.wait()
    connection.close()


def _on_a_live_connection(call: Callable[[], Value]) -> Value:
    connection.close_if_unusable_or_obsolete()  # a database that was restarted must not end every later call
    return call()
