"""Pages and dialogs with one form: drawn, checked, saved by one service; what is refused stands at its field."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from django.forms import Form
from django.http import HttpRequest, HttpResponse

from accounts.views.answers import came_from, is_htmx
from accounts.views.base import PageView
from dct_site.kernel.edits import EditConflict

UNPROCESSABLE = 422


class Refused(Exception):
    """A service does not take the values; ``problems`` are (field or "", sentence)."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(sentence for _, sentence in self.problems))


class FormPage(PageView, ABC):
    """A page around one form. ``form`` makes it, ``saved`` calls the service and answers; it may raise Refused."""

    template_name = "components/form_page.html"

    @abstractmethod
    def form(self, data: Any, **kwargs: Any) -> Form:
        """The form: bound where ``data`` is given, else with its initial values."""

    @abstractmethod
    def saved(self, form: Any, **kwargs: Any) -> HttpResponse:
        """Do what a valid form asks for."""

    def check(self, **kwargs: Any) -> None:
        """Ask for the right to save, where it is another than the right to look. Raises Denied."""

    def context(self, **kwargs: Any) -> dict[str, Any]:
        return {"form": self.form(None, **kwargs)}

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Save, or draw the form again with its values and what is wrong with them."""
        self.check(**kwargs)
        form = self.form(request.POST, **kwargs)
        if form.is_valid():
            try:
                return self.saved(form, **kwargs)
            except Refused as refused:
                blame(form, refused.problems)
            except EditConflict as conflict:
                blame(form, [("", str(conflict))])
        return self.draw({**self.context(**kwargs), "form": form}, status=UNPROCESSABLE)


class FormDialog(FormPage, ABC):
    """A small form in the modal; without a script, on a page of its own.

    ``title``, ``text`` and ``submit`` are its words; it posts to where it was drawn.
    """

    dialog_template = "components/form_dialog.html"
    template_name = "components/dialog_page.html"
    title: ClassVar[str]
    text: ClassVar[str] = ""
    submit: ClassVar[str]

    def context(self, **kwargs: Any) -> dict[str, Any]:
        words = {"title": self.title, "text": self.text, "submit": self.submit}
        # On a page of its own there is no dialog to close: one goes back to where one came from.
        back = "" if is_htmx(self.request) else came_from(self.request)
        return {**words, "url": self.request.get_full_path(), "back_url": back, **super().context(**kwargs)}

    def draw(self, context: Any, *, template: str = "", status: int = 200) -> HttpResponse:
        """The dialog alone for a script, the page around it otherwise."""
        alone = self.dialog_template if is_htmx(self.request) else ""
        return super().draw(context, template=template or alone, status=status)


def blame(form: Form, problems: Iterable[tuple[str, str]]) -> None:
    """Put each sentence at its field; what no field shows stands above the form."""
    for field, sentence in problems:
        form.add_error(field if field in form.fields else None, sentence)
