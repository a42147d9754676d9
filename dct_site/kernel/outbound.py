"""The address guard: where DCT may connect to when somebody else chose the address.

A name is resolved once, every address it has is judged, and the connection goes to the judged address, so that a
second look-up cannot answer differently. What is not public internet is refused unless an administrator allowed it.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import httpx

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

# Beside what `is_global` refuses; its answer for some of these changed between Python releases.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
        "2001::/23", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
# Never by a host's name alone: cloud metadata lives here, and a name's owner decides where it points.
_NEVER_BY_NAME = tuple(ipaddress.ip_network(network) for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"))
_DOTTED_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_LOOKS_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]*|[0-9]*))*")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")


class RefusalReason(StrEnum):
    """Why an address was refused."""

    BAD_URL = "bad_url"
    SCHEME = "scheme"
    BAD_HOST = "bad_host"
    UNRESOLVED = "unresolved"
    NOT_PUBLIC = "not_public"


class RefusedAddress(Exception):
    """DCT does not connect there; `reason` for machines, the text a sentence for people."""

    def __init__(self, reason: RefusalReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Pinned:
    """A judged place to connect to: `address` for the socket, `host` for TLS, certificates and the Host header."""

    host: str
    port: int
    address: str

    def connect(self, timeout: float) -> socket.socket:
        """A TCP connection to the judged address, within `timeout` seconds. Raises OSError."""
        return socket.create_connection((self.address, self.port), timeout=timeout)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, by the system's resolver, in its order. Raises OSError."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class AddressGuard:
    """Judges hosts and URLs; `networks` (CIDR) and `hosts` (exact names) are what an administrator allowed."""

    def __init__(
        self, *, networks: Iterable[str] = (), hosts: Iterable[str] = (), resolver: Resolver = resolve
    ) -> None:
        """Raises ValueError when a network is none."""
        self._networks: tuple[IPNetwork, ...] = tuple(ipaddress.ip_network(network) for network in networks)
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._resolver = resolver

    def pin(self, host: str, port: int) -> Pinned:
        """Where to connect for `host`. Raises RefusedAddress if any of its addresses may not be reached."""
        host = _plain_host(host)
        if not 1 <= port <= 65535:
            raise RefusedAddress(RefusalReason.BAD_HOST, f"{port} is not a port: use 1 to 65535.")
        try:
            found = [ipaddress.ip_address(address) for address in self._resolver(host, port)]
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise RefusedAddress(RefusalReason.UNRESOLVED, f"The host {host} was not found: check its name.")
        for address in found:
            if not self._allows(host, address):
                raise _not_public(host)
        return Pinned(host=host, port=port, address=str(found[0]))

    def pin_url(self, url: str, *, schemes: Sequence[str] = ("https", "http")) -> Pinned:
        """Where to connect for `url`. Raises RefusedAddress, also for a scheme that is not listed and for user info."""
        if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or "\\" in url:
            raise RefusedAddress(RefusalReason.BAD_URL, "The address has spaces or control characters: remove them.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise RefusedAddress(
                RefusalReason.BAD_URL, "The address is not a URL: write it as https://host/path."
            ) from None
        if parts.scheme not in schemes:
            raise RefusedAddress(RefusalReason.SCHEME, f"The address must start with {' or '.join(schemes)}.")
        if "@" in parts.netloc:
            message = "The address must not hold a user name or password: put them into the connection's secrets."
            raise RefusedAddress(RefusalReason.BAD_URL, message)
        default = 443 if parts.scheme in {"https", "wss"} else 80
        return self.pin(parts.hostname or "", default if port is None else port)

    def _allows(self, host: str, address: IPAddress) -> bool:
        if any(address in network for network in self._networks):
            return True
        if host in self._hosts and not any(address in network for network in _NEVER_BY_NAME):
            return not address.is_multicast and not address.is_unspecified
        return address.is_global and not address.is_multicast and not any(address in network for network in _REFUSED)


class GuardedTransport(httpx.BaseTransport):
    """An httpx transport that judges every request, redirected ones too, and connects to the judged address."""

    def __init__(self, guard: AddressGuard, transport: httpx.BaseTransport | None = None) -> None:
        self._guard = guard
        # No connection is kept: the pool knows addresses only, and one address serves many names and certificates.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._inner = transport or httpx.HTTPTransport(trust_env=False, limits=limits)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises RefusedAddress before anything is sent."""
        pinned = self._guard.pin_url(str(request.url))
        request.headers["Host"] = request.headers.get("Host", request.url.netloc.decode("ascii"))
        request.extensions = {**request.extensions, "sni_hostname": pinned.host}
        # A copy goes out: the response's own request keeps the name, against which a redirect is resolved.
        outgoing = httpx.Request(
            request.method,
            request.url.copy_with(host=pinned.address),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return self._inner.handle_request(outgoing)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def guarded_client(guard: AddressGuard, *, timeout: httpx.Timeout, **options: object) -> httpx.Client:
    """An HTTP client that reaches only what the guard allows, follows no redirect and reads no proxy environment."""
    return httpx.Client(
        transport=GuardedTransport(guard),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        **options,  # type: ignore[arg-type]
    )


def _plain_host(host: str) -> str:
    """The host in the one form that is judged and connected to. Raises RefusedAddress."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        if "%" in bare:
            raise ValueError(bare)
        return str(ipaddress.IPv6Address(bare)) if ":" in bare else _plain_name(bare)
    except ValueError:
        raise RefusedAddress(RefusalReason.BAD_HOST, f"{host[:100]!r} is not a host name or address.") from None


def _plain_name(host: str) -> str:
    if _DOTTED_QUAD.fullmatch(host):
        return str(ipaddress.IPv4Address(host))
    name = host.removesuffix(".").lower()
    name = name if name.isascii() else name.encode("idna").decode("ascii")
    # 127.1, 0x7f.1, 2130706433: a resolver reads them as addresses, people do not.
    if not _HOST.fullmatch(name) or _LOOKS_NUMERIC.fullmatch(name):
        raise ValueError(name)
    return name


def _not_public(host: str) -> RefusedAddress:
    message = f"{host} is not on the public internet: ask an administrator to allow it if it is yours."
    return RefusedAddress(RefusalReason.NOT_PUBLIC, message)
