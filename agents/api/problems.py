"""Which problems the exceptions of the agents room are."""

from agents.services.comparing import IsGone
from agents.services.restoring import CannotRestore
from agents.services.values import BadValues, InvalidValue
from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import FieldError, Problem


def _value(error: InvalidValue) -> Problem:
    return Problem(400, "invalid", str(error), (FieldError(error.field, "invalid", str(error)),))


def _values(error: BadValues) -> Problem:
    errors = tuple(FieldError(field, "invalid", words) for field, words in error.problems.items())
    return Problem(400, "invalid", str(error), errors)


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(InvalidValue, _value)
    problems.register(BadValues, _values)
    problems.register(IsGone, lambda error: Problem(410, "inputs_purged", str(error)))
    problems.register(CannotRestore, lambda error: Problem(409, "cannot_restore", str(error)))
