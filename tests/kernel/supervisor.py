# ruff: noqa: T201 - it talks to the test that started it
"""A supervisor that a test may kill: starts the run on its command line and renews its lease, 20 times a second."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dct_site.kernel.process.frames import RunSpec
from dct_site.kernel.process.sandbox import Sandbox, SandboxLevel
from dct_site.kernel.process.spawn import ShimGone, ShimProcess


async def supervise(wish: dict[str, object]) -> None:
    """Print the shim's process number, then renew until the run is over."""
    level = wish.pop("sandbox", None)
    if isinstance(level, list):
        wish["sandbox"] = Sandbox(SandboxLevel(level[0]), tuple(level[1]), level[2])
    spec = RunSpec(**{**wish, "cwd": Path(str(wish["cwd"]))})  # type: ignore[arg-type]
    run = await ShimProcess.start(spec)
    print(run.identity.pid, flush=True)
    await run.go()
    reading = asyncio.create_task(run.wait())
    while not reading.done():
        try:
            await run.renew(spec.lease)
        except ShimGone:
            break
        await asyncio.sleep(0.05)
    print((await reading).reason, flush=True)
    await run.close()


if __name__ == "__main__":
    asyncio.run(supervise(json.loads(sys.argv[1])))
