"""Celery's two tasks: do the work of a topic, and tick."""

from celery import shared_task

from dct_site.celery import now
from dct_site.engine.tick import tick as run_tick
from dct_site.engine.work import WORK
from dct_site.kernel.wake import Topic

ROUNDS = 20
"""A task ends after so many rounds, so that one worker does not sit on one topic; the rest is woken again by the
tick.
"""


@shared_task(name="dct.work", ignore_result=True)  # type: ignore[untyped-decorator]
def work(topic: str) -> int:
    """Claim and run up to N pieces of the topic's work, again while there is some; return how many."""
    done, run = 0, WORK[Topic(topic)]
    for _ in range(ROUNDS):
        count = run(now())
        if not count:
            break
        done += count
    return done


@shared_task(name="dct.tick", ignore_result=True)  # type: ignore[untyped-decorator]
def tick() -> None:
    """One second has passed (django-celery-beat calls this; any number of beats is harmless)."""
    run_tick(now())
