"""The admin's site: who may enter, what may be registered, its policy for the browser."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from accounts.models import User

if TYPE_CHECKING:
    _Site = AdminSite
else:
    from unfold.sites import UnfoldAdminSite as _Site


class RoleAdminSite(_Site):
    """Holds only pages that ask the permission rule: what another package brings is left out.

    Being staff opens the door and nothing behind it; what a person finds is what the rule gives.
    """

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Rows are taken away through services, one model at a time.
        self.disable_action("delete_selected")

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[Any] | None = None,
        **options: Any,
    ) -> None:
        if admin_class is not None and hasattr(admin_class, "viewing"):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return isinstance(user, User) and user.is_active and user.is_staff

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def looser(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            response = guarded(request, *args, **kwargs)
            # The theme evaluates expressions in the browser: its pages alone get the looser policy.
            response._csp_replace = settings.DCT_ADMIN_CSP
            return response

        return looser

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """The product's own page signs in; somebody who is signed in and no staff is told so, not asked again."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next") or resolve_url("admin:index"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        if request.method == "POST":
            logout(request)
        return redirect("login")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """On the product's own page, which writes the audit entry."""
        return redirect("password")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The rooms in the order in which an event goes through them."""
        found = super().get_app_list(request, app_label)
        order = ("triggers", "agents", "deliverables", "workspaces", "accounts", "axes")
        return sorted(found, key=lambda app: order.index(app["app_label"]) if app["app_label"] in order else len(order))
