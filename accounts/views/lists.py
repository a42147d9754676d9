"""Lists: filters in the address, keyset pages, and one line that says how many newer rows wait."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from accounts.views.base import PageView
from accounts.views.filtering import Filters, wanted_id
from accounts.views.keyset import NEWER, OLDER, keyset_page, with_query

Row = TypeVar("Row", bound=Model)
MOST_COUNTED = 99


class ListPage(PageView, ABC, Generic[Row]):
    """A list, newest first. ``name`` is what the template calls the rows; ``topic`` tells of newer ones (or is "").

    ``rows()`` are those that the person may see, narrowed by the address; ``filters()`` draws what narrows them;
    ``shown(rows)`` makes what the template expects, for a whole page at once so that nothing is asked row by row.
    """

    name: ClassVar[str]
    topic: ClassVar[str] = ""
    noun: ClassVar[str] = "rows"
    size: ClassVar[int] = 50

    @abstractmethod
    def rows(self) -> QuerySet[Row]: ...

    @abstractmethod
    def filters(self) -> Filters: ...

    @abstractmethod
    def shown(self, rows: Sequence[Row]) -> list[dict[str, Any]]: ...

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.GET.get("part") == "fresh" and self.topic:
            top = wanted_id(request, "top")
            if top is None:
                raise Http404
            return self.draw({"fresh": self._fresh(top)}, template="components/fresh.html")
        return super().get(request, **kwargs)

    def context(self, **kwargs: Any) -> dict[str, Any]:
        filters = self.filters()
        page = keyset_page(self.rows(), request=self.request, size=self.size)
        found: dict[str, Any] = {
            self.name: self.shown(page.rows),
            "filters": filters.shown(self.request),
            "pager": page.pager,
        }
        if self.topic and not (self.request.GET.get(OLDER) or self.request.GET.get(NEWER)):
            found["fresh"] = self._fresh(page.rows[0].pk if page.rows else 0)
        return found

    def _fresh(self, top: int) -> dict[str, Any]:
        count = self.rows().order_by().filter(pk__gt=top)[: MOST_COUNTED + 1].count()
        told = f"{count}" if count <= MOST_COUNTED else f"more than {MOST_COUNTED}"
        return {
            "topic": self.topic,
            "url": with_query(self.request, part="fresh", top=top),
            "count": count,
            "words": f"{told} newer {self.noun if count != 1 else self.noun.removesuffix('s')}. Show",
            "show_url": with_query(self.request, top=None),
        }
