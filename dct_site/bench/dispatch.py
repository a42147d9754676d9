"""How many queued executions with an agent that does nothing end a second, and how much of each is DCT's own."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dct_site.bench import noop_work
from dct_site.bench.figure import Figure
from dct_site.bench.installation import Installation

AGENTS = 4
EXECUTIONS = 1_000
BARE = "bare"


def measure(executions: int = EXECUTIONS) -> Iterator[Figure]:
    """All are queued before the first starts; the baseline is the program alone, as often and as many at once."""
    with Installation("--demo") as dct:
        noop_work.let_agents_do_nothing(dct, agents=AGENTS)
        noop_work.pause(dct, is_paused=True)
        noop_work.queue(dct, range(executions))
        noop_work.wait_for(dct, "queued", executions)
        noop_work.pause(dct, is_paused=False)
        noop_work.wait_for(dct, "succeeded", executions)
        took = noop_work.work_s(dct)
    bare = bare_s(executions)
    yield from figures(executions, took, bare)


def figures(executions: int, took: float, bare: float) -> Iterator[Figure]:
    """Of the seconds that all took, and that their programs alone took."""
    where = (
        f"{executions} queued executions, {AGENTS} agents at once, with clone and sandbox, SQLite FULL, "
        f"{noop_work.load()}; baseline: the same program as often, as many at once, without DCT"
    )
    yield Figure("dispatch", "throughput", executions / took, "1/s", executions, where, BARE, executions / bare)
    each = f"{where}; of each of {AGENTS} slots, a ratio below 1 is better"
    yield Figure("dispatch", "slot_time", 1000 * took * AGENTS / executions, "ms", executions, each, BARE,
                 1000 * bare * AGENTS / executions)  # fmt: skip
    yield Figure("dispatch", "own_share", max(0.0, 1 - bare / took), "share", executions, where)


def bare_s(count: int) -> float:
    """Seconds that the agent's program takes by itself."""

    def run(_: int) -> None:
        subprocess.run(noop_work.NOTHING, stdout=subprocess.DEVNULL, check=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(AGENTS) as pool:
        list(pool.map(run, range(count)))
    return time.perf_counter() - began
