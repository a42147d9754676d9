"""Files over the API: listings as JSON, contents as attachments that no browser opens by itself."""

from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from dct_site.kernel.rest.inputs import Input
from workspaces import files

MOST = 16 * 1024 * 1024
PATH = OpenApiParameter("path", str, OpenApiParameter.PATH, description="Below the root, names between slashes.")
RANGE = [
    PATH,
    OpenApiParameter("start", int, description="First byte, from 0."),
    OpenApiParameter("length", int, description=f"How many bytes; {MOST} at most."),
]
CONTENT = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class EntrySerializer(serializers.Serializer[Any]):
    """One thing in a tree: ``kind`` is ``file``, ``directory``, ``link`` or ``other``; sizes in bytes."""

    path = serializers.CharField()
    kind = serializers.CharField()
    size = serializers.IntegerField()
    changed_at = serializers.DateTimeField()


class ListingSerializer(serializers.Serializer[Any]):
    """What lies in a directory; ``is_cut`` where there is more than is listed."""

    entries = EntrySerializer(many=True)
    is_cut = serializers.BooleanField()


class _Range(Input):
    start = serializers.IntegerField(min_value=0, max_value=2**62, default=0)
    length = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)


def listing(root: Path) -> dict[str, Any]:
    """The tree below ``root`` as JSON."""
    return dict(ListingSerializer(files.list_tree(root)).data)


def content(request: Request, root: Path, path: str) -> HttpResponse:
    """A file's bytes, or the range that ``?start=&length=`` asks for; ``X-File-Size`` has the whole size.

    Raises FileTrouble, ValidationError.
    """
    wanted = _Range(data=request.query_params.dict())
    wanted.is_valid(raise_exception=True)
    start, length = wanted.validated_data["start"], wanted.validated_data["length"]
    response = HttpResponse(
        files.read_range(root, path, start=start, length=length), content_type="application/octet-stream"
    )
    response["X-File-Size"] = str(files.size_of(root, path))
    response["Content-Disposition"] = content_disposition_header(True, path.rpartition("/")[2]) or "attachment"
    # What an agent wrote is never a page of ours, whatever a browser makes of it.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
