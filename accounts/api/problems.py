"""Which problems the exceptions of the accounts room are."""

from accounts.services.people import BadRate, NotGrantable
from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import FieldError, Problem


def _rate(error: BadRate) -> Problem:
    return Problem(400, "invalid", str(error), (FieldError("events_per_minute", "invalid", str(error)),))


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(BadRate, _rate)
    problems.register(NotGrantable, lambda error: Problem(403, "not_grantable", str(error)))
