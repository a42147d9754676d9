"""The pages' addresses: each room's own, and what is about none of them."""

from django.urls import URLPattern, URLResolver, include, path

from dct_site.demo.buttons import DemoSend

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),
    path("", include("workspaces.urls")),
    path("", include("agents.urls")),
    path("", include("triggers.urls")),
    path("demo/send/<slug:what>/", DemoSend.as_view(), name="demo-send"),
]
