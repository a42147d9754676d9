# ruff: noqa: E501, S104 - a table of addresses
"""The address guard against the ways to name an inner address, and an HTTP client behind it."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from dct_site.kernel.outbound import AddressGuard, Pinned, RefusalReason, RefusedAddress, guarded_client, resolve

PUBLIC = "93.184.215.14"
TIMEOUT = httpx.Timeout(5.0)


def names(**table: list[str]) -> AddressGuard:
    """A guard whose resolver knows only these names; dots written as `__`."""
    known = {name.replace("__", "."): addresses for name, addresses in table.items()}

    def look_up(host: str, port: int) -> list[str]:
        if host in known:
            return known[host]
        try:
            return resolve(host, port) if not host[-1].isalpha() else []
        except OSError:
            return []

    return AddressGuard(resolver=look_up)


def refusal(url: str, guard: AddressGuard | None = None) -> RefusalReason:
    with pytest.raises(RefusedAddress) as caught:
        (guard or names()).pin_url(url)
    assert str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.255.255.255", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[::127.0.0.1]",
        "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:db8::1]", "[2001::1]", "[fc00::1]",
        "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert refusal(f"http://{host}/") == RefusalReason.NOT_PUBLIC


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.01", "0", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4.",
     "[fe80::1%25eth0]", "[::1", "a..b", "-a.example", "a" * 64 * 5, "exa mple", "ex%61mple.com", "", "*.example", "a/b"],
)  # fmt: skip
def test_a_host_in_an_ambiguous_or_broken_form_is_refused(host: str) -> None:
    with pytest.raises(RefusedAddress) as caught:
        names().pin(host, 80)
    assert caught.value.reason == RefusalReason.BAD_HOST


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.1/", RefusalReason.BAD_HOST),
        ("http://2130706433/", RefusalReason.BAD_HOST),
        ("http://[::1/", RefusalReason.BAD_URL),
        ("http://example.com:99999/", RefusalReason.BAD_URL),
        ("http://example.com:0/", RefusalReason.BAD_HOST),
        ("http://user:pass@example.com/", RefusalReason.BAD_URL),
        ("http://example.com@127.0.0.1/", RefusalReason.BAD_URL),
        ("http://example.com\r\nHost: inner/", RefusalReason.BAD_URL),
        ("http://example.com\\@inner/", RefusalReason.BAD_URL),
        ("\thttp://example.com/", RefusalReason.BAD_URL),
        ("file:///etc/passwd", RefusalReason.SCHEME),
        ("gopher://example.com/", RefusalReason.SCHEME),
        ("//example.com/", RefusalReason.SCHEME),
        ("http://nowhere.example/", RefusalReason.UNRESOLVED),
    ],
)
def test_a_bad_url_is_refused_for_its_reason(url: str, reason: RefusalReason) -> None:
    assert refusal(url) == reason


def test_a_public_host_is_pinned_to_the_address_that_was_judged() -> None:
    guard = names(example__com=[PUBLIC], **{"xn--bcher-kva__example": [PUBLIC]})
    assert guard.pin_url("https://Example.COM./x") == Pinned("example.com", 443, PUBLIC)
    assert guard.pin_url("http://example.com:8080").port == 8080
    assert guard.pin("bücher.example", 993).host == "xn--bcher-kva.example"
    assert guard.pin(PUBLIC, 80).address == PUBLIC
    assert guard.pin("[2606:4700::1111]", 80).address == "2606:4700::1111"


def test_one_inner_address_among_public_ones_refuses_the_name() -> None:
    assert refusal("http://mixed.example/", names(mixed__example=[PUBLIC, "10.0.0.1"])) == RefusalReason.NOT_PUBLIC
    assert refusal("http://zoned.example/", names(zoned__example=["fe80::1%eth0"])) == RefusalReason.NOT_PUBLIC


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "not known"), UnicodeError("label too long")])
def test_a_name_that_the_system_cannot_resolve_is_told_as_such(failure: Exception) -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise failure

    assert refusal("http://nowhere.example/", AddressGuard(resolver=resolver)) == RefusalReason.UNRESOLVED


def test_what_an_administrator_allowed_is_reached() -> None:
    guard = AddressGuard(
        networks=["10.1.0.0/16", "::1/128"],
        hosts=["Jira.Corp."],
        resolver=lambda host, port: {"jira.corp": ["10.9.9.9"]}.get(host, [host]),
    )
    assert guard.pin("10.1.2.3", 80).address == "10.1.2.3"
    assert guard.pin("::1", 80).address == "::1"
    assert guard.pin("jira.corp", 80).address == "10.9.9.9"
    with pytest.raises(RefusedAddress):
        guard.pin("10.9.9.9", 80)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1"])
def test_an_allowed_name_never_leads_to_metadata_or_many(address: str) -> None:
    guard = AddressGuard(hosts=["jira.corp"], resolver=lambda host, port: [address])
    with pytest.raises(RefusedAddress):
        guard.pin("jira.corp", 80)


def test_an_allow_list_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        AddressGuard(networks=["everything"])


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://127.0.0.2/inner")
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class Rebinding:
    """A name server that answers with an allowed address first and an inner one ever after."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return ["127.0.0.1"] if self.asked == 1 else ["127.0.0.2"]


def test_a_client_connects_to_the_judged_address_under_the_hosts_name(port: int) -> None:
    resolver = Rebinding()
    guard = AddressGuard(networks=["127.0.0.1/32"], resolver=resolver)
    with guarded_client(guard, timeout=TIMEOUT) as client:
        answer = client.get(f"http://rebind.example:{port}/")
        assert answer.text == f"rebind.example:{port}"
        assert resolver.asked == 1
        with pytest.raises(RefusedAddress):
            client.get(f"http://rebind.example:{port}/")


def test_a_redirect_is_not_followed_and_judged_when_it_is(port: int) -> None:
    guard = AddressGuard(networks=["127.0.0.1/32"])
    with guarded_client(guard, timeout=TIMEOUT) as client:
        assert client.get(f"http://127.0.0.1:{port}/away").status_code == 302
        with pytest.raises(RefusedAddress):
            client.get(f"http://127.0.0.1:{port}/away", follow_redirects=True)


def test_a_client_reads_no_proxy_from_the_environment(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with guarded_client(AddressGuard(networks=["127.0.0.1/32"]), timeout=TIMEOUT) as client:
        assert client.get(f"http://127.0.0.1:{port}/").status_code == 200


def test_a_pinned_place_gives_a_socket(port: int) -> None:
    with Pinned("any.name", port, "127.0.0.1").connect(timeout=5) as connection:
        assert isinstance(connection, socket.socket)
