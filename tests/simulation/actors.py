"""Customers and agents who work through drops, kills and freezes, and keep their own records of what they were told."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from app.ops.socket_client import CommandRefused, Frame, ResumingSocket, websocket_url

RETRY_SECONDS = 0.3
PATIENCE_SECONDS = 120.0


async def post_until_answered(
    http: httpx.AsyncClient, path: str, body: Frame, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Repeat the same request until something below 500 answers, as a careful client does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                answer = await http.post(path, json=body, headers=headers)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            except httpx.TransportError:
                pass
            await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))


@dataclass(slots=True)
class Visitor:
    """Writes `messages` one after another, each once the one before was answered, and remembers every 2xx."""

    url: str
    key: str
    messages: int
    dice: random.Random
    acknowledged: dict[str, str] = field(default_factory=dict)
    """client id to message id, of every message that was answered with success."""
    seen: dict[int, str] = field(default_factory=dict)
    """sequence to message id, of every public message the socket showed."""
    conversation_ids: set[str] = field(default_factory=set)
    repeated: list[int] = field(default_factory=list)

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=10) as http:
            origin = {"Origin": self.url}
            answer = await post_until_answered(http, "/v1/widget/visitors", {"key": self.key}, origin)
            assert answer.status_code == 201, answer.text
            token = answer.json()["token"]
            path = f"/v1/widget/socket?key={self.key}"
            async with ResumingSocket(websocket_url(self.url, path), token, origin=self.url) as socket:
                await socket.live(PATIENCE_SECONDS)
                for number in range(self.messages):
                    await self._write(http, socket, token, f"message {number}")
                    await socket.wait_for(lambda wanted=number + 1: self._replies(socket) >= wanted, PATIENCE_SECONDS)  # type: ignore[misc]
                    if self.dice.random() < 0.3:
                        await socket.drop()
                self._take_notes(socket)

    async def _write(self, http: httpx.AsyncClient, socket: ResumingSocket, token: str, text: str) -> None:
        client_id = uuid4().hex
        body = {"client_id": client_id, "body": text}
        if self.dice.random() < 0.5:
            headers = {"Authorization": f"Bearer {token}", "Origin": self.url}
            answer = await post_until_answered(http, "/v1/widget/messages", body, headers)
            assert answer.is_success, answer.text
            received: Frame = answer.json()
        else:
            received = (await socket.command("message.send", body, timeout=PATIENCE_SECONDS))["data"]
        self.acknowledged[client_id] = received["message_id"]
        self.conversation_ids.add(received["conversation_id"])

    def _replies(self, socket: ResumingSocket) -> int:
        return sum(message["message_class"] == "agent_public" for message in _messages(socket).values())

    def _take_notes(self, socket: ResumingSocket) -> None:
        self.seen = {sequence: message["id"] for sequence, message in _messages(socket).items()}


def _messages(socket: ResumingSocket) -> dict[int, Frame]:
    """By sequence: what the snapshots held and the events brought. The first snapshot is empty for a new visitor."""
    found: dict[int, Frame] = {}
    for snapshot in socket.snapshots:
        found |= {message["sequence"]: message for message in snapshot["messages"]}
    for event in socket.events:
        if (message := event["data"].get("message")) is not None:
            found[message["sequence"]] = message
    return found


@dataclass(slots=True)
class AgentBot:
    """Accepts every offer, answers every customer message once, resolves after `replies` answers."""

    url: str
    login: str
    password: str
    replies: int
    dice: random.Random
    socket: ResumingSocket | None = None
    answered: dict[str, set[int]] = field(default_factory=dict)
    resolved: set[str] = field(default_factory=set)
    sent: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=10) as http:
            answer = await post_until_answered(http, "/v1/session", {"login": self.login, "password": self.password})
            assert answer.is_success, answer.text
            token = answer.json()["token"]
            http.headers["Authorization"] = f"Bearer {token}"
            async with ResumingSocket(websocket_url(self.url, "/v1/socket"), token) as socket:
                self.socket = socket
                await socket.live(PATIENCE_SECONDS)
                await self._be_ready()
                while True:
                    await self._work(http, socket)
                    await asyncio.sleep(0.1)
                    if self.dice.random() < 0.005:
                        await socket.drop()

    async def _be_ready(self) -> None:
        assert self.socket is not None
        await self._try("presence.set", {"readiness": "ready", "reason": ""})

    async def _try(self, name: str, data: Frame, key: str | None = None) -> Frame | None:
        """What is refused now (an offer that expired, a conversation that moved on) is no longer ours to do."""
        assert self.socket is not None
        try:
            result: Frame = (await self.socket.command(name, data, key=key, timeout=PATIENCE_SECONDS))["data"]
            return result
        except CommandRefused as refusal:
            if refusal.problem["status"] >= 500:
                await asyncio.sleep(RETRY_SECONDS)
            return None

    async def _work(self, http: httpx.AsyncClient, socket: ResumingSocket) -> None:
        await self._clear_penalty(socket)
        for offer in socket.open_offers():
            await self._try("offer.accept", {"offer_id": offer["id"], "token": offer["token"]}, f"accept:{offer['id']}")
        for conversation_id, sequences in self._unanswered(socket).items():
            for sequence in sequences:
                await self._answer(http, conversation_id, sequence)

    async def _answer(self, http: httpx.AsyncClient, conversation_id: str, sequence: int) -> None:
        client_id = f"re:{conversation_id}:{sequence}"
        data = {"conversation_id": conversation_id, "client_id": client_id, "body": f"answer to {sequence}"}
        posted = await self._try("message.send", data, client_id)
        if posted is None:
            return
        self.sent[client_id] = posted["message_id"]
        done = self.answered.setdefault(conversation_id, set())
        done.add(sequence)
        if len(done) == self.replies:
            path = f"/v1/conversations/{conversation_id}/resolve"
            answer = await post_until_answered(http, path, {"disposition": "answered"})
            if answer.is_success:
                self.resolved.add(conversation_id)

    async def _clear_penalty(self, socket: ResumingSocket) -> None:
        presence = _latest_presence(socket)
        if presence.get("penalty") == "not_responding":
            await self._try("presence.clear_penalty", {})
        if presence.get("readiness") == "not_ready":
            await self._be_ready()

    def _unanswered(self, socket: ResumingSocket) -> dict[str, list[int]]:
        """Customer messages of conversations that are mine now, by what this socket was told."""
        mine = self._mine(socket)
        asked: dict[str, set[int]] = {conversation_id: set() for conversation_id in mine}
        for conversation_id in mine:
            asked[conversation_id] |= mine[conversation_id]
        return {c: sorted(seqs - self.answered.get(c, set())) for c, seqs in asked.items()}

    def _mine(self, socket: ResumingSocket) -> dict[str, set[int]]:
        """Conversation to the sequences of its customer messages."""
        asked: dict[str, set[int]] = {}
        mine: dict[str, bool] = {}
        for snapshot in socket.snapshots:
            for summary in snapshot["conversations"]:
                mine[summary["id"]] = bool(summary["owner"])
        for event in socket.events:
            conversation_id = event["data"].get("conversation_id")
            if event["event"] == "message.received":
                asked.setdefault(conversation_id, set()).add(event["data"]["sequence"])
            if event["event"] == "conversation.rights_changed":
                mine[conversation_id] = event["data"]["after"]["owner_id"] is not None
        return {c: asked.get(c, set()) for c, owned in mine.items() if owned and c not in self.resolved}


def _latest_presence(socket: ResumingSocket) -> dict[str, Any]:
    for event in reversed(socket.events):
        if event["event"] == "presence.changed":
            after: dict[str, Any] = event["data"]["after"]
            return after
    return dict(socket.snapshots[-1].get("presence") or {}) if socket.snapshots else {}
