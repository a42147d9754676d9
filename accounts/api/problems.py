"""Which problems the exceptions of the accounts room are."""

from accounts.services.people import NotGrantable
from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import Problem


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(NotGrantable, lambda error: Problem(403, "not_grantable", str(error)))
