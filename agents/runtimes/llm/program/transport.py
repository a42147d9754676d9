"""The way out: to the provider's host and nowhere else, at an address that was judged before it is connected to."""

import asyncio
from urllib.parse import urlsplit

import httpx2

from dct_site.kernel.outbound import AddressGuard, RefusedAddress

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 300.0


class OneHost(httpx2.AsyncBaseTransport):
    """A Developer registered the host, so it may be one of their own network; a metadata service it may not be."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).hostname or ""
        self._guard = AddressGuard(hosts=(self._host,))
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises ConnectError before anything is sent, also where it would go to another host."""
        try:
            if request.url.host != self._host:
                raise httpx2.ConnectError(f"{request.url.host[:100]} is not the provider's host.")
            pinned = await asyncio.to_thread(self._guard.pin_url, str(request.url))
        except RefusedAddress as refused:
            raise httpx2.ConnectError(str(refused)) from refused
        request.headers["Host"] = request.headers.get("Host", request.url.netloc.decode("ascii"))
        outgoing = httpx2.Request(
            request.method,
            request.url.copy_with(host=pinned.address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": pinned.host},
        )
        return await self._inner.handle_async_request(outgoing)

    async def aclose(self) -> None:
        await self._inner.aclose()


def client(url: str) -> httpx2.AsyncClient:
    """An HTTP client for that host: it follows no redirect and reads no proxy from its environment."""
    return httpx2.AsyncClient(
        transport=OneHost(url),
        timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
        follow_redirects=False,
    )
