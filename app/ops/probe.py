"""`switchboard probe URL`: a synthetic customer and a synthetic agent make one round trip over the public API.

Queue, channel account and agent are the probe's own, one set for each machine that probes, and marked synthetic:
reports, SLA and webhooks leave them out.
"""

import asyncio
import secrets
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from websockets.exceptions import WebSocketException

from app.ops.socket_client import CommandRefused, Frame, ResumingSocket, SocketRefused, websocket_url

LEG_TIMEOUT_SECONDS = 15.0
SCOPES = (
    "access:write",
    "agents:read",
    "agents:write",
    "channels:read",
    "channels:write",
    "conversations:read",
    "conversations:write",
    "customers:read",
    "customers:write",
    "routing:read",
    "routing:write",
)
"""What the key of a probe must hold: it makes a queue, a way in and an agent, and nobody grants more than they hold."""


@dataclass(slots=True)
class Report:
    """Milliseconds of each leg, in their order. `failed` names the leg that did not come to its end."""

    url: str
    legs: list[tuple[str, float]] = field(default_factory=list)
    failed: str | None = None
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.failed is None

    def as_dict(self) -> dict[str, Any]:
        legs = [{"name": name, "ms": round(ms, 1)} for name, ms in self.legs]
        total = round(sum(ms for _, ms in self.legs), 1)
        return {
            "url": self.url,
            "ok": self.ok,
            "legs": legs,
            "total_ms": total,
            "failed": self.failed,
            "error": self.error,
        }

    def as_text(self) -> str:
        lines = [f"  {name:20}{ms:9.1f} ms" for name, ms in self.legs]
        lines.append(
            f"{self.url}: the round trip works" if self.ok else f"{self.url}: {self.failed} failed: {self.error}"
        )
        return "\n".join(lines)


class Failed(Exception):
    """A leg failed; the message says how."""


async def probe(url: str, key: str) -> Report:
    """One round trip against a running installation. Never raises for what the installation does wrong."""
    report = Report(url.rstrip("/"))
    try:
        async with AsyncExitStack() as stack:
            await _round_trip(report, key, stack)
    except Failed as failure:
        report.error = str(failure)
    return report


@asynccontextmanager
async def _leg(report: Report, name: str) -> AsyncIterator[None]:
    started = time.perf_counter()
    report.failed = name
    try:
        async with asyncio.timeout(LEG_TIMEOUT_SECONDS):
            yield
    except httpx.HTTPStatusError as error:
        raise Failed(f"{error.response.status_code} {error.response.text[:300]}") from error
    except TimeoutError as error:  # before OSError, of which it is one
        raise Failed(f"nothing after {LEG_TIMEOUT_SECONDS:.0f} s") from error
    except (httpx.HTTPError, WebSocketException, OSError, CommandRefused, SocketRefused) as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
    report.legs.append((name, (time.perf_counter() - started) * 1000))
    report.failed = None


async def _round_trip(report: Report, key: str, stack: AsyncExitStack) -> None:
    url = report.url
    admin = await stack.enter_async_context(_client(url, key))
    async with _leg(report, "set_up"):
        parts = await _ensure_parts(admin)
    async with _leg(report, "agent_login"):
        token = await _log_in(url, parts)
    async with _leg(report, "agent_socket"):
        agent = await stack.enter_async_context(ResumingSocket(websocket_url(url, "/v1/socket"), token))
        await agent.live(LEG_TIMEOUT_SECONDS)
        await agent.command("presence.clear_penalty", {})
        await agent.command("presence.set", {"readiness": "ready", "reason": ""})
    async with _leg(report, "visitor_token"):
        visitor_token = await _visit(url, parts.public_key)
    async with _leg(report, "visitor_socket"):
        path = f"/v1/widget/socket?key={parts.public_key}"
        visitor = await stack.enter_async_context(ResumingSocket(websocket_url(url, path), visitor_token, origin=url))
        await visitor.live(LEG_TIMEOUT_SECONDS)
    conversation_id = await _talk(report, agent, visitor)
    http = await stack.enter_async_context(_client(url, token))
    async with _leg(report, "resolved"):
        path = f"/v1/conversations/{conversation_id}/resolve"
        (await http.post(path, json={"disposition": "probe"})).raise_for_status()
    async with _leg(report, "agent_leaves"):
        await agent.command("presence.set", {"readiness": "not_ready", "reason": "probe_done"})
        (await http.delete("/v1/session")).raise_for_status()


async def _talk(report: Report, agent: ResumingSocket, visitor: ResumingSocket) -> str:
    """Question, offer, accept, answer. Returns the conversation's id."""
    async with _leg(report, "message_stored"):
        sent = await visitor.command("message.send", {"client_id": uuid4().hex, "body": "probe: question"})
        conversation_id = sent["data"]["conversation_id"]
    async with _leg(report, "offered"):
        offer = await agent.wait_for(lambda: _offer_of(agent, conversation_id), LEG_TIMEOUT_SECONDS)
    async with _leg(report, "accepted"):
        await agent.command("offer.accept", {"offer_id": offer["id"], "token": offer["token"]})
    async with _leg(report, "reply_stored"):
        reply = {"conversation_id": conversation_id, "client_id": uuid4().hex, "body": "probe: answer"}
        posted = await agent.command("message.send", reply)
    async with _leg(report, "reply_shown"):
        await visitor.event("message.posted", LEG_TIMEOUT_SECONDS, message_id=posted["data"]["message_id"])
    return str(conversation_id)


def _offer_of(agent: ResumingSocket, conversation_id: str) -> Frame | None:
    return next((offer for offer in agent.open_offers() if offer["conversation_id"] == conversation_id), None)


@dataclass(frozen=True, slots=True)
class _Parts:
    login: str
    password: str
    public_key: str


def _client(url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=LEG_TIMEOUT_SECONDS)


async def _ensure_parts(admin: httpx.AsyncClient) -> _Parts:
    """Find or make the probe's queue, agent and channel account; the agent gets a fresh password at each run."""
    name = f"probe-{sockets.gethostname()}"[:60].lower()
    queue = await _find_or_make(admin, "/v1/queues", "name", name, {"name": name, "synthetic": True})
    password = secrets.token_urlsafe(24)
    profile = {
        "login": name,
        "password": password,
        "role": "agent",
        "name": name,
        "languages": ["en"],
        "synthetic": True,
    }
    agent = await _find_or_make(admin, "/v1/agents", "login", name, profile)
    reset = await admin.put(f"/v1/accounts/{agent['id']}/password", json={"new_password": password})
    reset.raise_for_status()
    (await admin.put(f"/v1/queues/{queue['id']}/members/{agent['id']}")).raise_for_status()
    way_in = {"kind": "chat", "name": name, "queue_id": queue["id"], "synthetic": True}
    account = await _find_or_make(admin, "/v1/channel-accounts", "name", name, way_in)
    await _resolve_leftovers(admin, queue["id"])
    return _Parts(name, password, account["public_key"])


async def _resolve_leftovers(admin: httpx.AsyncClient, queue_id: str) -> None:
    """Conversations of probes that failed would be offered before this one's."""
    query = {"view": "all", "queue_id": queue_id, "limit": "100"}
    page = (await admin.get("/v1/conversations", params=query)).raise_for_status().json()
    for item in page["items"]:
        if item["status"] not in ("resolved", "closed"):
            answer = await admin.post(f"/v1/conversations/{item['id']}/resolve", json={"disposition": "probe_failed"})
            answer.raise_for_status()


async def _find_or_make(admin: httpx.AsyncClient, path: str, field_name: str, value: str, body: Frame) -> Frame:
    cursor: str | None = None
    while True:
        query = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
        page = (await admin.get(path, params=query)).raise_for_status().json()
        for item in page["items"]:
            if item[field_name] == value:
                found: Frame = item
                return found
        if (cursor := page["next_cursor"]) is None:
            break
    made: Frame = (await admin.post(path, json=body)).raise_for_status().json()
    return made


async def _log_in(url: str, parts: _Parts) -> str:
    async with httpx.AsyncClient(base_url=url, timeout=LEG_TIMEOUT_SECONDS) as http:
        answer = await http.post("/v1/session", json={"login": parts.login, "password": parts.password})
        return str(answer.raise_for_status().json()["token"])


async def _visit(url: str, public_key: str) -> str:
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=LEG_TIMEOUT_SECONDS) as http:
        answer = await http.post("/v1/widget/visitors", json={"key": public_key})
        return str(answer.raise_for_status().json()["token"])
