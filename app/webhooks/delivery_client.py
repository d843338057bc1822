"""The HTTP client of the webhooks: one POST, no redirects, no proxies of the environment, checked destinations only.

It is httpx's own engine (httpcore) without httpx around it: the address has to be checked where the connection is made,
which httpx offers no public place for, and a bare pool follows no redirect and reads no environment to begin with.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast

import httpcore
import httpx

from app.webhooks.attempts import Answer, answer_of
from app.webhooks.destinations import Allowed, may_connect

TIMEOUT_SECONDS = 15.0
ANSWER_LIMIT_BYTES = 64 * 1024
"""Nobody reads it; what is longer costs the connection."""
RESOLVER_THREADS = 16
"""Of their own, so that a name server that does not answer holds up nothing else."""
KEEP_ALIVE_SECONDS = 20.0
KEPT_CONNECTIONS = 200


class DestinationRefused(Exception):
    """The name leads to an address that webhooks may not go to."""


class DeliveryClient:
    """Shared by all endpoints of a process. `post` never raises for what the other side does."""

    def __init__(self, allowed: Allowed) -> None:
        self._network = _CheckedNetwork(allowed)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,  # bounded by the turns: waiting for another endpoint's connection would couple them
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=self._network,
        )

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        """`now` is what a Retry-After with a date is counted from."""
        answer = None
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response,
            ):
                answer = answer_of(response.status, _retry_after(response.headers, now))
                await _drain(response)
        except TimeoutError:
            return answer or Answer(None, "timeout")
        except DestinationRefused:
            return Answer(None, "destination_refused")
        except httpcore.ConnectError:
            return Answer(None, "connect_failed")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            return answer or Answer(None, "connection_lost")
        return answer

    async def close(self) -> None:
        await self._pool.aclose()
        self._network.close()


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a name once and connects to what it has checked: no second look-up may answer otherwise."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._network = httpcore.AnyIOBackend()
        self._resolver = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="webhook-names")

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not all(may_connect(host, address, self._allowed) for address in addresses):
            raise DestinationRefused(host)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    def close(self) -> None:
        self._resolver.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, host: str, port: int) -> list[str]:
        """At least one address, each once, in the system's order. Raises httpcore.ConnectError."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._resolver, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not known") from error
        # Parsed and written again, so that what was checked is what is connected to.
        return list(dict.fromkeys(str(ipaddress.ip_address(address[0])) for *_, address in found))


async def _drain(response: httpcore.Response) -> None:
    """Read a short answer to its end, so that the connection can be used again."""
    size = 0
    async with aclosing(cast(AsyncGenerator[bytes, None], response.aiter_stream())) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > ANSWER_LIMIT_BYTES:
                return


def _retry_after(headers: Iterable[tuple[bytes, bytes]], now: datetime) -> float | None:
    """Seconds from `now`, of a number or a date; None for anything else."""
    value = next((value.decode("latin-1") for name, value in headers if name.lower() == b"retry-after"), "").strip()
    if value.isdecimal() and len(value) < 10:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
