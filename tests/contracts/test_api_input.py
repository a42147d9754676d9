"""What the API makes of bad input: a 4xx that names what is wrong, never a 500 and never a silent yes."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from dct_site.kernel.rest.problems import MEDIA_TYPE
from tests.api_routes import Route, routes, valid_body
from tests.factories.accounts import make_user
from tests.factories.world import World, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.unmeasured]
JSON = "application/json"
WRITING = [route for route in routes() if route.method in ("post", "patch")]
RESOURCES = sorted({route.resource for route in WRITING})
DEEP: Any = "bottom"
for _ in range(60):
    DEEP = {"deeper": [DEEP]}
LONG = "x" * 100_000

# By the type that the schema names: values that are of another type.
# Of the world's own rows: its listener waits for webhooks, and its owner is a Developer, who needs no grant.
POLLED_OR_NOT_GRANTABLE = {"grant"}
OTHER_TYPES: dict[str, list[Any]] = {
    "string": [12345, True, ["a"], {"a": 1}],
    "integer": ["text", True, 1.5, ["1"], {"a": 1}],
    "boolean": ["text", 12345, [], {}],
    "array": [{"a": 1}, "text", 5],
    "object": [["a"], "text", 5],
}
ANYTHING: list[Any] = [None, -1, 2**70, "", LONG, "\u202e\u200b", [], [[[]]], [{}], DEEP, {LONG: [LONG]}]
BODIES = [b"[]", b"null", b"5", b'"text"', b"true"]
NOT_EVEN_JSON = [
    b"{",
    b"",
    b"\xff\xfe",
    b'{"a": NaN}',
    b'{"a": 1e400}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "\\ud800"}',
    b"[" * 2_000 + b"]" * 2_000,
    b'{"name": ' + b"9" * 2_000 + b"}",
]


@pytest.fixture
def client() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_user(is_superuser=True))
    return client


@pytest.fixture
def world() -> World:
    return make_world(make_user())


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    generator: Any = SchemaGenerator
    found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


def fields_of(route: Route, schema: dict[str, Any]) -> dict[str, Any]:
    """{name: schema} of what the route takes."""
    paths = {path for path, methods in schema["paths"].items() if _is_at(path, route)}
    assert len(paths) == 1, (route, paths)
    body = schema["paths"][paths.pop()][route.method].get("requestBody")
    if body is None:
        return {}
    name = body["content"][route.media_type]["schema"]["$ref"].rpartition("/")[2]
    properties: dict[str, Any] = schema["components"]["schemas"][name].get("properties", {})
    return properties


def _is_at(path: str, route: Route) -> bool:
    wanted = route.pattern.lstrip("^").rstrip("$").removesuffix(r"\Z")
    parts, given = wanted.strip("/").split("/"), path.removeprefix("/api/v1/").strip("/").split("/")
    return len(parts) == len(given) and all(
        one == other or (one.startswith(("(", "<")) and other.startswith("{"))
        for one, other in zip(parts, given, strict=True)
    )


def send(client: Client, route: Route, world: World, raw: bytes) -> Any:
    with transaction.atomic():
        response = getattr(client, route.method)(route.address(world), data=raw, content_type=route.media_type)
        transaction.set_rollback(True)
    return response


def is_clean(response: Any) -> bool:
    """Below 500, and a problem where it is an error."""
    return bool(response.status_code < 400 or (response.status_code < 500 and response["Content-Type"] == MEDIA_TYPE))


def test_what_is_spoilt_below_is_taken_when_it_is_not_spoilt(client: Client, world: World) -> None:
    for route in WRITING:
        response = send(client, route, world, json.dumps(valid_body(route, world)).encode())
        told = f"{route}: {response.status_code} {response.content[:300]!r}"
        assert response.status_code in (200, 201, 202, 409) or route.action in POLLED_OR_NOT_GRANTABLE, told


@pytest.mark.parametrize("resource", RESOURCES)
def test_any_value_in_any_field_is_taken_or_refused(
    resource: str, client: Client, world: World, schema: dict[str, Any]
) -> None:
    for route, name, _field in fields_below(resource, schema):
        for value in ANYTHING:
            response = send(client, route, world, json.dumps({**valid_body(route, world), name: value}).encode())
            assert is_clean(response), f"{route} {name}={str(value)[:80]}: {response.status_code}"


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_value_of_another_type_is_refused_by_name(
    resource: str, client: Client, world: World, schema: dict[str, Any]
) -> None:
    for route, name, field in fields_below(resource, schema):
        for value in OTHER_TYPES.get(_type_of(field), []):
            response = send(client, route, world, json.dumps({**valid_body(route, world), name: value}).encode())
            told = f"{route} {name}={value!r}: {response.status_code} {response.content[:300]!r}"
            assert response.status_code == 400, told
            assert any(error["path"].startswith(name) for error in response.json()["errors"]), told


def fields_below(resource: str, schema: dict[str, Any]) -> Iterator[tuple[Route, str, dict[str, Any]]]:
    for route in WRITING:
        if route.resource == resource:
            for name, field in fields_of(route, schema).items():
                yield route, name, field


def _type_of(field: dict[str, Any]) -> str:
    kind = field.get("type")
    if isinstance(kind, list):
        return next((str(one) for one in kind if one != "null"), "")
    if kind is None and any("$ref" in one for one in (field, *field.get("allOf", []))):
        return ""
    return str(kind or "")


def test_a_body_that_is_no_object_is_taken_or_refused(client: Client, world: World) -> None:
    for route in WRITING:
        for raw in BODIES:
            response = send(client, route, world, raw)
            assert is_clean(response), f"{route} {raw[:40]!r}: {response.status_code}"


@pytest.mark.parametrize("raw", NOT_EVEN_JSON, ids=range(len(NOT_EVEN_JSON)))
def test_what_is_not_safe_json_is_refused(client: Client, raw: bytes) -> None:
    response = client.post("/api/v1/triggers/", data=raw, content_type=JSON)
    assert (response.status_code, is_clean(response)) == (400 if raw else 201, True)


def test_a_field_that_does_not_exist_is_refused(client: Client, world: World, schema: dict[str, Any]) -> None:
    for route in WRITING:
        # Of a CloudEvent, another name is an extension.
        if fields_of(route, schema) and route.media_type == JSON:
            response = send(client, route, world, b'{"nmae": "misspelt"}')
            assert response.status_code == 400, str(route)
            assert "nmae" in {error["path"] for error in response.json()["errors"]}, str(route)


def test_a_body_of_another_media_type_is_refused(client: Client, world: World) -> None:
    for route in WRITING:
        response = client.post if route.method == "post" else client.patch
        answer = response(route.address(world), data=b"<a/>", content_type="application/xml")
        assert answer.status_code in (415, 405, 200, 202, 409), str(route)
        assert is_clean(answer), str(route)


def test_a_body_that_is_too_large_is_413(client: Client) -> None:
    raw = b'{"name": "' + b"x" * (5 * 1024 * 1024) + b'"}'
    for headers in ({}, {"Idempotency-Key": "large"}):
        response = client.post("/api/v1/triggers/", data=raw, content_type=JSON, headers=headers)
        assert (response.status_code, response["Content-Type"]) == (413, MEDIA_TYPE)


NASTY = ["abc", "-1", "1.5", "9" * 30, "9" * 6_000, "", "%00", "%ff"]
PAGING = {"cursor", "page_size"}


def test_any_filter_is_taken_or_refused(client: Client, world: World, schema: dict[str, Any]) -> None:
    for route in routes():
        if route.method != "get" or "<path" in route.pattern:
            continue
        path = next(path for path in schema["paths"] if _is_at(path, route))
        names = [one["name"] for one in schema["paths"][path]["get"].get("parameters", []) if one["in"] == "query"]
        # Every list is cut into pages by the same code: one of them is enough for that.
        for name in {*names} - (PAGING if route.resource != "triggers" else set()):
            for value in NASTY:
                response = client.get(f"{route.address(world)}?{name}={value}")
                assert is_clean(response), f"{route} {name}={value[:40]}: {response.status_code}"


@pytest.mark.parametrize(
    "cursor", ["cD1hYmM=", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "bz0tMQ==", "bz1hYmM=", "cj0xJnA9", "%C3%A9"]
)
def test_a_cursor_that_was_made_up_is_no_error_of_ours(client: Client, world: World, cursor: str) -> None:
    for route in routes():
        if route.action in ("list", "revisions", "history", "messages"):
            assert is_clean(client.get(f"{route.address(world)}?cursor={cursor}")), str(route)


@pytest.mark.parametrize(
    "token",
    [b"", b"x", b"\xff\xfe", b"a\x00b", b"x" * 10_000, b"a b", "é".encode(), b"0" * 64],
    ids=range(8),
)
def test_any_token_is_401(token: bytes) -> None:
    response = Client().get("/api/v1/me/", HTTP_AUTHORIZATION=(b"Bearer " + token).decode("latin-1"))
    assert (response.status_code, response["Content-Type"]) == (401, MEDIA_TYPE)
