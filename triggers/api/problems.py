"""Which problems the exceptions of the triggers room are."""

from functools import partial
from typing import Any

from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import FieldError, Problem, in_one
from triggers.services.attention import NotWaiting
from triggers.services.backtest.aside import Busy
from triggers.services.backtest.slices import StaleCursor
from triggers.services.backtest.wire import Broken
from triggers.services.cloudevents import NotSendable, TooFast
from triggers.services.dry_run import NothingToTry
from triggers.services.endpoints import InvalidEndpoint
from triggers.services.executions import AlreadyOver, BadDeadline, NotOver
from triggers.services.fire import CannotFire
from triggers.services.keeping.erasing import CountsChanged, InvalidSubject, StillRunning
from triggers.services.keeping.tombstones import INPUTS_PURGED, InputsPurged
from triggers.services.launch.checks import CannotLaunch
from triggers.services.listeners import NotPolled
from triggers.services.own_writes import InvalidConfig
from triggers.services.replays.bulk import InvalidWish, PreviewChanged
from triggers.services.replays.delivery import NotReplayable
from triggers.services.replays.edit import InvalidEdit
from triggers.services.replays.event import CannotReplay
from triggers.services.schedules import InvalidSchedule
from triggers.services.standing import NotPublished
from triggers.services.validation import InvalidDocument
from triggers.sources.cloudevents.event import NotACloudEvent
from triggers.sources.cloudevents.http import NotTaken
from triggers.sources.email.settings import InvalidMailSettings


def _listed(error: Any) -> Problem:
    """Every reason, with the path that it is about. A mailbox's password is the connection's ``secret`` here."""
    paths = {"password": "secret"} if isinstance(error, InvalidMailSettings) else {}
    errors = tuple(FieldError(paths.get(one.path, one.path), one.code, one.message) for one in error.problems)
    return Problem(400, "invalid", in_one([one.message for one in errors]), errors)


def _conflict(error: Exception, *, code: str) -> Problem:
    return Problem(409, code, str(error))


def _too_fast(error: TooFast | Busy) -> Problem:
    return Problem(429, "rate_limited", str(error), headers=(("Retry-After", str(error.retry_after_s)),))


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(InvalidDocument, _listed)
    problems.register(InvalidEndpoint, _listed)
    problems.register(InvalidConfig, _listed)
    problems.register(InvalidMailSettings, _listed)
    problems.register(InvalidSchedule, _listed)
    problems.register(NotACloudEvent, _listed)
    problems.register(InvalidEdit, _listed)
    problems.register(InvalidWish, _listed)
    problems.register(InvalidSubject, _listed)
    problems.register(NotReplayable, lambda error: Problem(409, error.code, str(error)))
    problems.register(NotTaken, lambda error: Problem(415, "unsupported_media_type", str(error)))
    problems.register(TooFast, _too_fast)
    problems.register(Busy, _too_fast)
    problems.register(Broken, lambda error: Problem(503, "broken_off", str(error), headers=(("Retry-After", "1"),)))
    problems.register(NothingToTry, lambda error: Problem(400, "no_event", str(error)))
    problems.register(BadDeadline, lambda error: Problem(400, "invalid", str(error)))
    for kind, code in (
        (StaleCursor, "stale_cursor"),
        (NotPublished, "not_published"),
        (CannotReplay, "cannot_replay"),
        (PreviewChanged, "preview_changed"),
        (CountsChanged, "preview_changed"),
        (StillRunning, "still_running"),
        (CannotFire, "cannot_fire"),
        (CannotLaunch, "cannot_launch"),
        (AlreadyOver, "already_over"),
        (NotOver, "not_over"),
        (NotWaiting, "not_waiting"),
        (NotPolled, "not_polled"),
        (InputsPurged, INPUTS_PURGED),
        (NotSendable, "not_sendable"),
    ):
        problems.register(kind, partial(_conflict, code=code))
