"""How asking a model can fail, each in words that say what to do, and whether trying again could help."""

from collections.abc import Sequence

from pydantic_ai import exceptions

from agents.runtimes.llm.program.history import TooLong

SAID = 300
"""Characters of what a provider said."""


class Trouble(Exception):
    """``is_hopeless``: it would fail again until somebody does what the text says."""

    def __init__(self, text: str, *, is_hopeless: bool = True) -> None:
        super().__init__(text)
        self.text = text
        self.is_hopeless = is_hopeless


# The most particular first. {who}: the provider, {model}: what is asked; what it said itself is added.
_KNOWN: Sequence[tuple[type[Exception], str, bool]] = (
    (
        exceptions.ModelAuthenticationError,
        "{who} refused the key. A Developer can write a new one under Model providers.",
        True,
    ),
    (
        exceptions.ModelNotFoundError,
        "{who} knows no model “{model}”. Correct the model of the profile, or the provider's address.",
        True,
    ),
    (
        exceptions.ModelContextWindowExceededError,
        "The conversation became too long for “{model}”. Take a model with a larger context, or ask for less at once.",
        True,
    ),
    (exceptions.ModelQuotaExceededError, "The account at {who} is used up. Raise its limit there, then retry.", True),
    (
        exceptions.ModelRateLimitError,
        "{who} takes no more requests for now. It is tried again later; let fewer agents run at once if it goes on.",
        False,
    ),
    (
        exceptions.ModelConnectionError,
        "{who} cannot be reached, or broke off. It is tried again; see whether it runs, and at this address.",
        False,
    ),
    (exceptions.ModelServerError, "{who} failed by itself. It is tried again later.", False),
    (exceptions.ModelUnavailableError, "{who} is not there for now. It is tried again later.", False),
    (
        exceptions.ModelRequestRejectedError,
        "{who} refused the request. Correct what it says in the profile or at the provider.",
        True,
    ),
    (
        exceptions.ContentFilterError,
        "{who} withheld its answer by its own rules. Ask for something else, or another model.",
        True,
    ),
)
_RUBBISH = (
    "What {who} answered is no answer of its kind, or was cut off. It is tried again; see whether its address is "
    "right and speaks what the provider is registered with."
)


def trouble_of(error: Exception, *, who: str, model: str) -> Trouble:
    """What it means. Never raises; what nobody expected is tried again too."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, TooLong):
        return Trouble("The conversation became too long to be kept. Ask for less at once.")
    words, is_hopeless = next(
        ((words, is_hopeless) for kind, words, is_hopeless in _KNOWN if isinstance(error, kind)), (_RUBBISH, False)
    )
    said = " ".join(_said(error).split())[:SAID]
    text = words.format(who=f"“{who}”", model=model)
    return Trouble(f"{text} ({said})" if said else text, is_hopeless=is_hopeless)


def _said(error: Exception) -> str:
    """What a provider said itself, and under which status; else what the error says."""
    if not isinstance(error, exceptions.ModelHTTPError):
        return str(error)
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    said = inner.get("message") if isinstance(inner, dict) else inner
    return f"{error.status_code}: {said if isinstance(said, str) else error.body}"
