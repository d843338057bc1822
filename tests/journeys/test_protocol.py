"""All that the AsyncAPI document has for the two sockets, but for single events, goes over them in one journey."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

from app.core.database import Database
from app.ops.socket_client import CommandRefused, Frame, ResumingSocket, websocket_url
from tests import protocol
from tests.conftest import fresh_clone
from tests.journeys.processes import Served, processes
from tests.journeys.promises import accept, offer_to
from tests.journeys.town import Town, begin_visitor, found, log_in
from tests.protocol import AGENT, WIDGET, JudgedConnection

PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def installation(postgres: str, template: str, folder: Path) -> AsyncIterator[tuple[Served, Town]]:
    async with fresh_clone(postgres, template) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        town = await found(database)
        await database.close()
        with processes(database_url, folder) as served:
            served.api.start()
            served.worker.start()
            await served.ready()
            yield served, town


async def until(socket: ClientConnection, kind: str) -> Frame:
    while True:
        frame: Frame = json.loads(await socket.recv())
        if frame["type"] == kind:
            return frame


async def resume_and_err(url: str, token: str, position: str | None) -> None:
    """Resume, be told that a position is of another life, ask for the time, then send what is no frame."""
    async with connect(url, create_connection=JudgedConnection) as socket:
        await socket.send(json.dumps({"type": "authenticate", "token": token}))
        for after, kind in ((position, "caught_up"), ("99-1", "resync_required")):
            await socket.send(json.dumps({"type": "subscribe", "after": after}))
            await until(socket, kind)
        await socket.send('{"type":"ping"}')
        await until(socket, "pong")
        await socket.send('{"type":"dance"}')
        await until(socket, "bye")


async def refused(socket: ResumingSocket, name: str) -> str:
    try:
        await socket.command(name, {"offer_id": str(uuid4()), "token": "none"})
    except CommandRefused as refusal:
        return str(refusal.problem["code"])
    return ""


async def talk(agent: ResumingSocket, visitor: ResumingSocket, conversation_id: str) -> None:
    place = {"conversation_id": conversation_id}
    await agent.command("message.send", {**place, "client_id": "a1", "body": "Which one?"})
    await agent.command("note.add", {**place, "client_id": "a2", "body": "a regular"})
    await agent.command("conversation.read", {**place, "sequence": 1})
    await agent.command("viewing", {**place, "on": True})
    await agent.command("typing", {**place, "on": True})
    await visitor.wait_for(lambda: visitor.signals)
    await visitor.event("message.posted")
    await visitor.command("typing", {"on": True})
    await agent.wait_for(lambda: agent.signals)
    for mark in ("delivered", "read"):
        await visitor.command(mark, {"sequence": 2})
    await visitor.event("message.delivery_changed")


async def test_every_frame_and_command_of_the_document_goes_over_the_sockets(
    postgres: str, template_database: str, tmp_path: Path
) -> None:
    met_before = set(protocol.seen)
    protocol.seen.clear()
    async with (
        installation(postgres, template_database, tmp_path) as (served, town),
        httpx.AsyncClient(base_url=served.url, timeout=PATIENCE_SECONDS) as http,
    ):
        agents_url = websocket_url(served.url, "/v1/socket")
        widget_url = websocket_url(served.url, f"/v1/widget/socket?key={town.public_key}")
        token, admin = await log_in(http, "bo"), await log_in(http, "root")
        visitor_tokens = [await begin_visitor(http, town.public_key, name="Ada") for _ in range(2)]
        async with (
            ResumingSocket(agents_url, token) as agent,
            ResumingSocket(agents_url, admin, board=True) as wall,
            ResumingSocket(widget_url, visitor_tokens[0]) as visitor,
            ResumingSocket(widget_url, visitor_tokens[1]) as other,
        ):
            for socket in (agent, wall, visitor, other):
                await socket.live(PATIENCE_SECONDS)
            await agent.command("presence.set", {"readiness": "ready"})
            await agent.command("presence.clear_penalty", {})
            first = await visitor.command("message.send", {"client_id": "v1", "body": "My teapot leaks"})
            conversation_id = first["data"]["conversation_id"]
            await accept(agent, conversation_id)
            await talk(agent, visitor, conversation_id)
            second = await other.command("message.send", {"client_id": "v2", "body": "Mine too"})
            offer = await offer_to(agent, second["data"]["conversation_id"])
            await agent.command("offer.decline", {"offer_id": offer["id"], "token": offer["token"], "reason": "busy"})
            assert await refused(agent, "offer.accept") == "offer_not_found"
            assert await refused(visitor, "dance") == "unknown_command"
            moved = await http.post(
                f"/v1/conversations/{conversation_id}/transfer",
                json={"queue_id": str(town.queues["Service"]), "reason": "wrong_team"},
                headers={"Authorization": f"Bearer {token}"},
            )
            assert moved.status_code == 200, moved.text
            await agent.wait_for(lambda: agent.removed)
            await other.wait_for(lambda: f"{WIDGET}.queue" in protocol.seen)  # it waits in line since the decline
            await wall.wait_for(lambda: wall.boards)
            await resume_and_err(agents_url, token, agent.position)
            await resume_and_err(widget_url, visitor_tokens[0], visitor.position)
    missed = [name for name in protocol.unseen() if name.startswith((AGENT, WIDGET)) and ".event." not in name]
    protocol.seen.update(met_before)
    assert missed == []
