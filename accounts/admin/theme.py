"""The theme's classes as this project uses them, with Django's types."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:
    ThemedAdmin = admin.ModelAdmin[Any]
    ThemedInline = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin
    from unfold.admin import TabularInline as ThemedInline  # noqa: F401 - others take it from here

    class _OwnTransactions(admin.ModelAdmin):
        """Services open transactions of their own; Django's around the whole page would hold the only writer for as
        long as a page is drawn.
        """

        def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
            return self._changeform_view(request, object_id, form_url, extra_context)

    class ThemedAdmin(ModelAdmin, _OwnTransactions):
        """The theme's class, with Django's own at the end of the line replaced."""
