"""Forms that change nothing themselves: what is valid is given to a service, whose refusals are shown at the fields."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.db.models import Model

from dct_site.kernel.edits import EditConflict
from dct_site.kernel.rest.problems import Problem, problem_of

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

SEEN = "seen_version"
Saver = Callable[["ServiceForm"], Model]


class ServiceForm(_ModelForm):
    """A form whose values a service takes. The row itself is never written here, so no rule can be gone around."""

    save_through: ClassVar[Saver]
    drawn: ClassVar[Collection[str]] = ()
    paths: ClassVar[dict[str, str]] = {}
    """Which field shows what is wrong with a path that the service names, where the two are not called the same."""

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in [name for name in self.fields if name not in self.drawn]:
            del self.fields[name]
        if SEEN in self.fields:
            self.fields[SEEN].initial = self.instance.version

    def _post_clean(self) -> None:
        """The last step of validation: the service judges and writes, or says what is wrong."""
        if self.errors:
            return
        try:
            self._must_be_as_it_was_drawn()
            self.instance = type(self).save_through(self)
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            self.show(problem)

    def _must_be_as_it_was_drawn(self) -> None:
        """Two people may have opened the page; the second is told instead of writing over the first."""
        seen = self.cleaned_data.get(SEEN)
        if seen is not None and seen != self.instance.version:
            raise EditConflict(self.instance)

    def show(self, problem: Problem) -> None:
        """Put each of a problem's reasons to the field that it is about."""
        for one in problem.errors:
            self.add_error(self._field_of(one.path), one.message)
        if not problem.errors:
            self.add_error(None, problem.detail)

    def given(self) -> dict[str, Any]:
        """The values of the fields that were changed."""
        changed = [name for name in self.changed_data if name != SEEN]
        return {name: self.cleaned_data[name] for name in changed if name in self.cleaned_data}

    def _field_of(self, path: str) -> str | None:
        name = self.paths.get(path, self.paths.get("*", path.split(".")[0].split("[")[0].split("/")[0]))
        return name if name in self.fields else None


def own_form(form: type[ServiceForm], saver: Saver, *, drawn: Collection[str]) -> type[ServiceForm]:
    """``form`` for one request: it has the fields that are drawn, and what it validates is given to ``saver``."""
    return type(form.__name__, (form,), {"save_through": staticmethod(saver), "drawn": frozenset(drawn)})


def secret_field(**over: Any) -> forms.CharField:
    """A field for a secret: what was typed is never drawn again, not even beside an error."""
    from_theme = forms.PasswordInput(
        render_value=False, attrs={"autocomplete": "new-password", "class": _INPUT_CLASSES}
    )
    return forms.CharField(**{"required": False, "strip": False, "max_length": 1000, "widget": from_theme, **over})


_INPUT_CLASSES = (
    "border border-base-200 bg-white font-medium rounded-default shadow-xs px-3 py-2 w-full max-w-2xl "
    "dark:bg-base-900 dark:border-base-700"
)
