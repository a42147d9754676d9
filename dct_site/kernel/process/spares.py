"""A shim that is started ahead: what its interpreter needs to begin is then no part of any run's start."""

import asyncio

import structlog

from dct_site.kernel.process.spawn import ShimProcess

log = structlog.get_logger(__name__)

FILL_AFTER = 0.1
"""Seconds from taking a shim to starting the next: not while the run that took it is on its own way."""


class Spares:
    """Of one event loop. Holds at most one shim that waits for its spec; a burst beyond it starts its own."""

    def __init__(self, fill_after: float = FILL_AFTER) -> None:
        self._fill_after = fill_after
        self._spare: ShimProcess | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._filling: asyncio.Task[None] | None = None
        self._is_closed = False

    def open(self) -> None:
        """Start a spare shim soon."""
        if not self._is_closed and self._spare is None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._fill_after, self._fill)

    async def take(self) -> ShimProcess:
        """A shim without a spec. Raises OSError when none is there and none can be started."""
        spare, self._spare = self._spare, None
        self.open()
        if spare is not None and spare.is_running():
            return spare
        if spare is not None:
            await spare.close()
        return await ShimProcess.start()

    async def give_back(self, shim: ShimProcess) -> None:
        """One that was not needed after all; it has no spec."""
        if self._is_closed or self._spare is not None:
            await shim.close()
        else:
            self._spare = shim

    async def close(self) -> None:
        """End what waits; nothing is started any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._filling is not None:
            await self._filling
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.close()

    def _fill(self) -> None:
        self._timer = None
        if self._spare is None:
            self._filling = asyncio.ensure_future(self._start())

    async def _start(self) -> None:
        try:
            await self.give_back(await ShimProcess.start())
        except OSError as error:  # whoever needs one tries again and tells
            log.warning("no_spare_shim", error=str(error))
