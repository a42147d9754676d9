"""Which problems the exceptions of the workspaces room are."""

from dct_site.kernel.rest import problems
from dct_site.kernel.rest.problems import FieldError, Problem
from workspaces.files import BadPath, FileTrouble, Missing, NoSpace
from workspaces.services.clone import TemplateGone
from workspaces.services.items import BadItem
from workspaces.services.lifecycle import BadTitle
from workspaces.services.templates import BadTemplate


def _bad_template(error: BadTemplate) -> Problem:
    errors = tuple(FieldError(path, "invalid", words) for path, words in error.problems.items())
    return Problem(400, "invalid", str(error), errors)


def register() -> None:
    """Called once, where the API's addresses are put together."""
    problems.register(FileTrouble, lambda error: Problem(400, "not_a_file", str(error)))
    problems.register(BadPath, lambda error: Problem(400, "bad_path", str(error)))
    problems.register(Missing, lambda error: Problem(404, "not_found", str(error)))
    problems.register(NoSpace, lambda error: Problem(507, "no_space", str(error)))
    problems.register(TemplateGone, lambda error: Problem(409, "template_gone", str(error)))
    problems.register(BadTemplate, _bad_template)
    problems.register(BadItem, lambda error: Problem(400, "invalid", str(error)))
    problems.register(
        BadTitle, lambda error: Problem(400, "invalid", str(error), (FieldError("title", "invalid", str(error)),))
    )
