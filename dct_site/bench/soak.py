"""Whether memory, descriptors and threads of web and engine stay flat over many executions."""

from collections.abc import Iterator, Mapping

from dct_site.bench import noop_work
from dct_site.bench.figure import Figure
from dct_site.bench.installation import Installation

AGENTS = 4
EXECUTIONS = 10_000
BATCH = 100
WARM_UP = 10
"""One part in so many comes before the baseline is taken: pools fill, modules are imported, caches grow."""
UNITS = {"rss": "MB", "descriptors": "open", "threads": "alive"}

Held = Mapping[str, Mapping[str, float]]


def measure(executions: int = EXECUTIONS) -> Iterator[Figure]:
    """Batches of a hundred, each looked at when it has ended; the baseline is what was held after a tenth of them."""
    with Installation("--demo") as dct:
        noop_work.let_agents_do_nothing(dct, agents=AGENTS)
        # One page and the API, so that what they need is there before the baseline too.
        dct.api("status/")
        first, done = max(1, executions // WARM_UP), 0
        before: Held = {}
        while done < executions:
            upto = min(executions, done + BATCH, first if done < first else executions)
            noop_work.queue(dct, range(done, upto))
            noop_work.wait_for(dct, "succeeded", upto)
            done = upto
            if done == first:
                before = held(dct)
        yield from figures(before, held(dct), first, executions)


def held(dct: Installation) -> dict[str, dict[str, float]]:
    """What web and engine hold now."""
    return {role: noop_work.held_by(pid) for role, pid in noop_work.processes(dct).items()}


def figures(before: Held, after: Held, first: int, executions: int) -> Iterator[Figure]:
    """Each role's memory, descriptors and threads at the end, beside what it held after the first ones."""
    where = (
        f"{executions} executions of an agent that does nothing, embedded, {noop_work.load()}; "
        f"baseline: after the first {first}; a ratio near 1 is flat"
    )
    for role in ("web", "engine"):
        for name, unit in UNITS.items():
            told = (after[role][name], unit, executions, where, f"after_{first}", round(before[role][name], 1))
            yield Figure("soak", f"{role}_{name}", *told)
