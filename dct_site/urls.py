"""Every URL of the product."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dct_site import api_urls
from dct_site.metrics import MetricsView
from dct_site.readiness import readyz

urlpatterns: list[URLPattern | URLResolver] = [
    path("readyz", readyz, name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("admin/", admin.site.urls),
    path("", include(api_urls)),
    path("", include("dct_site.page_urls")),
]

handler404 = api_urls.not_found
handler500 = api_urls.server_error
