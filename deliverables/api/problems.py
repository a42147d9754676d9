"""Which problems the exceptions of the deliverables room are."""

from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import FieldError, Problem
from deliverables.services.waive import NoReason


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(
        NoReason, lambda error: Problem(400, "invalid", str(error), (FieldError("reason", "required", str(error)),))
    )
