"""Customers, agents and an observer who work through drops, kills and freezes, and keep their own records."""

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import uuid4

from app.ops.socket_client import CommandRefused, Frame, websocket_url
from tests.simulation.line import Line, log_in
from tests.simulation.recording import RecordingSocket

LOOK_AGAIN_SECONDS = 1.0
DROP_SHARE = 0.3
READ_SHARE = 0.5
HAND_ON = "Somebody else, please."


@dataclass(slots=True)
class Visitor:
    """Writes `messages` one after another, each once the one before was answered, and remembers every 2xx."""

    line: Line
    key: str
    messages: int
    starts_after_seconds: float
    hands_on: bool
    """Asks for somebody else in the second message."""
    dice: random.Random
    repeats: random.Random
    repeat_share: float = 0.0
    acknowledged: dict[str, str] = field(default_factory=dict)
    """client id to message id, of every message that was answered with success."""
    conversation_ids: set[str] = field(default_factory=set)
    repeated: int = 0
    socket: RecordingSocket = field(init=False)
    _posted: list[Frame] = field(default_factory=list)
    _headers: dict[str, str] = field(default_factory=dict)

    async def converse(self, stack: AsyncExitStack) -> None:
        """The whole conversation. The socket stays open until `stack` ends."""
        await asyncio.sleep(self.starts_after_seconds)
        origin = {"Origin": self.line.url}
        answer = await self.line.request("POST", "/v1/widget/visitors", {"key": self.key}, origin)
        assert answer.status_code == 201, answer.text
        token = answer.json()["token"]
        self._headers = {"Authorization": f"Bearer {token}", **origin}
        path = websocket_url(self.line.url, f"/v1/widget/socket?key={self.key}")
        self.socket = await stack.enter_async_context(RecordingSocket(path, token, origin=self.line.url))
        await self.socket.live(self.line.patience_seconds)
        for number in range(1, self.messages + 1):
            await self._write(f"Message {number}. {HAND_ON if self.hands_on and number == 2 else ''}")
            await self._wait_for_replies(number)
        await self._post_late()

    async def _write(self, text: str) -> None:
        client_id = uuid4().hex
        body = {"client_id": client_id, "body": text}
        if self.dice.random() < DROP_SHARE:
            asyncio.get_running_loop().call_later(self.dice.uniform(0, 0.05), self.socket.cut)
        if self.dice.random() < 0.5:
            received = (await asyncio.gather(*(self._post(body) for _ in range(self._copies()))))[0]
        else:
            received = await self.line.command(self.socket, "message.send", body)
        self._keep(client_id, received)
        self.line.progress.add()
        await self._post_late()
        self._posted.append(body)

    async def _post(self, body: Frame) -> Frame:
        answer = await self.line.request("POST", "/v1/widget/messages", body, self._headers)
        assert answer.is_success, answer.text
        received: Frame = answer.json()
        self._keep(body["client_id"], received)
        return received

    def _copies(self) -> int:
        """A message that is posted twice at once is one message."""
        return 1 + self._repeats()

    async def _post_late(self) -> None:
        """A copy of an earlier message overtaken by later ones: it changes nothing, whatever became of its place."""
        if self._posted and self._repeats():
            await self._post(self.repeats.choice(self._posted))

    def _repeats(self) -> bool:
        once_more = self.repeats.random() < self.repeat_share
        self.repeated += once_more
        return once_more

    def _keep(self, client_id: str, received: Frame) -> None:
        known = self.acknowledged.setdefault(client_id, received["message_id"])
        if known != received["message_id"]:
            self.line.failures.append(f"{client_id} was answered as {known}, and again as {received['message_id']}")
        self.conversation_ids.add(received["conversation_id"])

    async def _wait_for_replies(self, count: int) -> None:
        def last_reply() -> int | None:
            replies = [each["sequence"] for each in self.seen() if each["message_class"] == "agent_public"]
            return max(replies) if len(replies) >= count else None

        sequence = await self.socket.wait_for(last_reply, self.line.patience_seconds)
        if self.dice.random() < READ_SHARE:
            await self.line.command(self.socket, "read", {"sequence": sequence})

    def seen(self) -> list[Frame]:
        """Public messages in the order the socket showed them, doubled ones too."""
        found: list[Frame] = []
        for frame in self.socket.told:
            if frame["type"] == "snapshot":
                found += frame["messages"]
            elif frame["data"].get("message") is not None:
                found.append(frame["data"]["message"])
        return found


@dataclass(slots=True)
class AgentBot:
    """Accepts every offer, answers every customer message once, resolves after `messages` answers."""

    line: Line
    login: str
    password: str
    team_id: str
    messages: int
    second_queue_id: str
    dice: random.Random
    id: str = ""
    socket: RecordingSocket = field(init=False)
    sent: dict[tuple[str, str], str] = field(default_factory=dict)
    """(conversation, client id) to message id, of every message and note that was answered with success."""
    accepted: set[str] = field(default_factory=set)
    _heard: int = 0
    _mine: set[str] = field(default_factory=set)
    _stirred: set[str] = field(default_factory=set)
    """Of mine: where something happened since they were last looked through."""
    _offers: dict[str, Frame] = field(default_factory=dict)
    _presence: Frame = field(default_factory=dict)
    _headers: dict[str, str] = field(default_factory=dict)

    async def begin(self, stack: AsyncExitStack) -> None:
        token, self.id = await log_in(self.line, self.login, self.password)
        self._headers = {"Authorization": f"Bearer {token}"}
        path = websocket_url(self.line.url, "/v1/socket")
        self.socket = await stack.enter_async_context(RecordingSocket(path, token))
        await self.socket.live(self.line.patience_seconds)
        await self.line.command(self.socket, "presence.set", {"readiness": "ready", "reason": ""})

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            self._hear()
            await self._get_ready()
            for offer in list(self._offers.values()):
                await self._accept(offer)
            self._hear()
            for conversation_id in sorted(self._mine & self._stirred):
                await self._serve(conversation_id)
            # A refusal that passes by itself brings no frame, so look again now and then.
            with contextlib.suppress(TimeoutError):
                await self.socket.wait_for(lambda: len(self.socket.told) > self._heard, LOOK_AGAIN_SECONDS)
            if self.dice.random() < 0.01:
                self.socket.cut()

    def _hear(self) -> None:
        fresh, self._heard = self.socket.told[self._heard :], len(self.socket.told)
        for frame in fresh:
            if frame["type"] == "snapshot":
                self._begin_anew(frame)
            elif frame["type"] == "removed":
                self._mine.discard(frame["conversation_id"])
            else:
                self._take(frame["event"], frame["data"])

    def _begin_anew(self, snapshot: Frame) -> None:
        owned = [each["id"] for each in snapshot["conversations"] if (each["owner"] or {}).get("id") == self.id]
        self._mine, self._stirred = set(owned), set(owned)
        self._offers = {offer["id"]: offer for offer in snapshot["offers"]}
        self._presence = snapshot["presence"]

    def _take(self, event: str, data: Frame) -> None:
        if event == "conversation.rights_changed":
            owned = data["after"]["owner_id"] == self.id
            (self._mine.add if owned else self._mine.discard)(data["conversation_id"])
        elif event == "offer.made" and data["agent_id"] == self.id and data["offer"] is not None:
            self._offers[data["offer_id"]] = data["offer"]
        elif event == "offer.ended":
            self._offers.pop(data["offer_id"], None)
        elif event == "presence.changed" and data["agent_id"] == self.id:
            self._presence = data["after"]
        if "conversation_id" in data:
            self._stirred.add(data["conversation_id"])

    async def _get_ready(self) -> None:
        if self._presence.get("penalty") == "not_responding":
            await self._try("presence.clear_penalty", {})
        if self._presence.get("readiness") == "not_ready":
            await self._try("presence.set", {"readiness": "ready", "reason": ""})

    async def _accept(self, offer: Frame) -> None:
        data = {"offer_id": offer["id"], "token": offer["token"]}
        self._offers.pop(offer["id"], None)
        if await self._try("offer.accept", data, f"accept:{offer['id']}") is not None:
            self.accepted.add(offer["id"])

    async def _serve(self, conversation_id: str) -> None:
        """Answer what nobody has answered, hand on what asks for it, resolve when all is said."""
        path = f"/v1/conversations/{conversation_id}"
        answer = await self.line.request("GET", f"{path}/messages?limit=100", headers=self._headers)
        self._stirred.discard(conversation_id)
        if not answer.is_success:
            return  # somebody else's by now
        thread = answer.json()["items"]
        done = {each["client_id"] for each in thread if each["message_class"] != "customer"}
        asked = [each for each in thread if each["message_class"] == "customer"]
        for message in asked:
            if HAND_ON in message["body"] and f"on:{message['id']}" not in done:
                return await self._hand_on(conversation_id, message["id"])
            if f"re:{message['id']}" not in done and not await self._say("message.send", conversation_id, message):
                return
        if len(asked) == self.messages:
            await self._resolve(path, conversation_id)

    async def _hand_on(self, conversation_id: str, message_id: str) -> None:
        note = {"conversation_id": conversation_id, "client_id": f"on:{message_id}", "body": "Wants somebody else."}
        added = await self._try("note.add", note, note["client_id"])
        if added is None:
            return
        self.sent[conversation_id, note["client_id"]] = added["message_id"]
        body = {"queue_id": self.second_queue_id, "reason": "asked_for"}
        headers = {**self._headers, "Idempotency-Key": f"on:{message_id}"}
        await self.line.request("POST", f"/v1/conversations/{conversation_id}/transfer", body, headers)

    async def _say(self, command: str, conversation_id: str, message: Frame) -> bool:
        client_id = f"re:{message['id']}"
        data = {"conversation_id": conversation_id, "client_id": client_id, "body": f"To your {message['sequence']}."}
        posted = await self._try(command, data, client_id)
        if posted is None:
            self._stirred.add(conversation_id)
            return False
        self.sent[conversation_id, client_id] = posted["message_id"]
        return True

    async def _resolve(self, path: str, conversation_id: str) -> None:
        answer = await self.line.request("POST", f"{path}/resolve", {"disposition": "answered"}, self._headers)
        if answer.is_success:
            return
        now = await self.line.request("GET", path, headers=self._headers)
        if now.is_success and now.json()["status"] != "resolved":
            self._stirred.add(conversation_id)

    async def _try(self, name: str, data: Frame, key: str | None = None) -> Frame | None:
        """None: what is refused (an offer that ended, a conversation that moved on) is no longer ours to do."""
        try:
            return await self.line.command(self.socket, name, data, key)
        except CommandRefused:
            return None


@dataclass(slots=True)
class Observer:
    """An admin who sees everything and loses the line again and again."""

    line: Line
    login: str
    password: str
    dice: random.Random
    id: str = ""
    socket: RecordingSocket = field(init=False)

    async def begin(self, stack: AsyncExitStack) -> None:
        token, self.id = await log_in(self.line, self.login, self.password)
        path = websocket_url(self.line.url, "/v1/socket")
        self.socket = await stack.enter_async_context(RecordingSocket(path, token))
        await self.socket.live(self.line.patience_seconds)

    async def lose_the_line(self) -> None:
        """Until cancelled."""
        while True:
            enough = len(self.socket.told) + self.dice.randrange(5, 120)
            await self.socket.wait_for(lambda enough=enough: len(self.socket.told) >= enough, 3600)  # type: ignore[misc]
            self.socket.cut()
