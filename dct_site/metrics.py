"""``/metrics``: what Prometheus scrapes, for those who may read metrics and for addresses that were named."""

from ipaddress import ip_address, ip_network
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api.permissions import OperationPermission
from accounts.operations import Operation
from dct_site.kernel.clock import utcnow
from dct_site.kernel.exposition import CONTENT_TYPE, exposition
from triggers.selectors.measures import measures


def is_named(address: str) -> bool:
    """Whether DCT_METRICS_ALLOW names the address, or a network that it is in. Nothing is named by default."""
    try:
        caller = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None)
    return any((mapped or caller) in ip_network(one) for one in settings.DCT_METRICS_ALLOW)


class ScrapePermission(OperationPermission):
    """The right to read metrics, or an address that was named."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method == "GET" and is_named(str(request.META.get("REMOTE_ADDR", ""))):
            return True
        return super().has_permission(request, view)


class AnyContent(BaseContentNegotiation):
    """Whatever a scraper asks for, it gets the one format; refusals are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:  # noqa: ARG002
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return JSONRenderer(), JSONRenderer.media_type


class MetricsView(APIView):
    """The measures of now, in Prometheus' text format."""

    schema = None  # no resource of the API
    permission_classes = [ScrapePermission]
    content_negotiation_class = AnyContent
    operations: ClassVar = {"get": Operation.METRICS}

    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002
        """Everything that is measured."""
        page = exposition(measures(now=utcnow()))
        return HttpResponse(page, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
